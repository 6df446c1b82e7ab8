// Ranges of the files of an index that this visitor fetched → the visitor's own storage (IndexedDB), and back on a later visit.
//
// The browser's cache would have the ranges of a file wait for each other (`fetcher.ts`), so they are kept here. A file's name is the hash of what is in
// it: what lies under it is right whatever the epoch, or damaged, and the module checks every part that it is given. Nothing is read before a
// search needs a part of that file. Whatever fails, because there is no storage, no room, or no answer, only means that ranges are fetched again.

const DATABASE = "nearsight";
const VERSION = 1;
const STORE = "ranges";
/** Bytes kept of one index. */
const MOST_BYTES = 64 * 1024 * 1024;
/** A search waits no longer for storage: some browsers now and then never answer. */
const PATIENCE_MS = 500;

export interface KeptRange {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Index, file, offset, length. */
type Key = [index: string, name: string, offset: number, length: number];

interface Storage {
  readonly database: IDBDatabase;
  /** Files of which an earlier visit has kept something. */
  readonly earlier: Set<string>;
  bytes: number;
}

/** What is kept of the index at one address. */
export class Kept {
  readonly #index: string;
  #storage: Promise<Storage | null>;
  /** Being read: whoever asks for it meanwhile is given the same. */
  readonly #reading = new Map<string, Promise<KeptRange[]>>();
  #unwritten: KeptRange[] = [];

  constructor(index: string) {
    this.#index = index;
    this.#storage = inTime(this.#open());
  }

  /** What an earlier visit kept of these files; of each file once. */
  async take(names: Iterable<string>): Promise<KeptRange[]> {
    const storage = await this.#storage;
    if (storage === null) return [];
    const read = [...new Set(names)].map((name) => {
      const reading = this.#reading.get(name);
      if (reading !== undefined || !storage.earlier.delete(name)) return reading ?? [];
      const started = inTime(this.#read(storage, name)).then((ranges) => ranges ?? []);
      this.#reading.set(name, started);
      void started.then(() => this.#reading.delete(name));
      return started;
    });
    return (await Promise.all(read)).flat();
  }

  /** Keeps a range that has been checked. */
  put(name: string, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#unwritten.push({ name, offset, bytes });
    // Those that came at one time are written at one time, and soon: a worker may be ended as soon as it has answered.
    if (this.#unwritten.length === 1) setTimeout(() => void this.#write());
  }

  /** Removes what is kept of a file. */
  async forget(name: string): Promise<void> {
    await this.#change((store) => store.delete(under(this.#index, name)));
  }

  /** Removes what is kept of files that are not among these. */
  async keepOnly(names: ReadonlySet<string>): Promise<void> {
    const storage = await this.#storage;
    const others = [...(storage?.earlier ?? [])].filter((name) => !names.has(name));
    for (const name of others) {
      storage?.earlier.delete(name);
      await this.forget(name);
    }
  }

  async #open(): Promise<Storage> {
    const opening = indexedDB.open(DATABASE, VERSION);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await done(opening);
    // Else nobody could remove it while a page is open.
    database.onversionchange = () => {
      this.#storage = Promise.resolve(null);
      database.close();
    };
    const keys = (await done(database.transaction(STORE).objectStore(STORE).getAllKeys(under(this.#index)))) as unknown as Key[];
    return {
      database,
      earlier: new Set(keys.map(([, name]) => name)),
      bytes: keys.reduce((sum, [, , , length]) => sum + length, 0),
    };
  }

  async #read({ database }: Storage, name: string): Promise<KeptRange[]> {
    const store = database.transaction(STORE).objectStore(STORE);
    const [keys, values] = await Promise.all([done(store.getAllKeys(under(this.#index, name))), done(store.getAll(under(this.#index, name)))]);
    return (keys as unknown as Key[]).flatMap(([, , offset], at) => {
      const bytes: unknown = values[at];
      return bytes instanceof Uint8Array ? [{ name, offset, bytes: bytes as Uint8Array<ArrayBuffer> }] : [];
    });
  }

  async #write(): Promise<void> {
    const ranges = this.#unwritten;
    this.#unwritten = [];
    const storage = await this.#storage;
    if (storage === null) return;
    await this.#change((store) => {
      for (const { name, offset, bytes } of ranges) {
        if (storage.bytes + bytes.length > MOST_BYTES) continue;
        storage.bytes += bytes.length;
        const key: Key = [this.#index, name, offset, bytes.length];
        store.put(bytes, key);
      }
    });
  }

  /** After a change that failed nothing is kept any more. */
  async #change(change: (store: IDBObjectStore) => void): Promise<void> {
    const storage = await this.#storage;
    if (storage === null) return;
    try {
      const transaction = storage.database.transaction(STORE, "readwrite", { durability: "relaxed" });
      const ended = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
      change(transaction.objectStore(STORE));
      transaction.commit();
      await ended;
    } catch {
      this.#storage = Promise.resolve(null);
    }
  }
}

/** All keys that begin with these words. */
function under(...words: string[]): IDBKeyRange {
  return IDBKeyRange.bound(words, [...words, []]);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Null where it fails or takes too long. */
async function inTime<T>(work: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, null);
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
