// One epoch of an index, in the worker: its handle, and the fetching of what it lacks.
//
// Files and ranges of files are fetched side by side and handed to the module, which checks each against the
// hash in its name, or the checks of its parts. Damaged bytes are fetched once more, past the browser's
// cache. An epoch is freed when it has been replaced and no query uses it.

import type { Index } from "../wasm/nearsight.js";
import { NearsightError, toNearsightError } from "./errors.js";
import type { Answered, Bytes, FileRange, Files } from "./fetcher.js";
import type { Kept } from "./kept.js";
import type { FileRef } from "./manifest.js";

export class Epoch {
  readonly index: Index;
  readonly #fetcher: Files;
  readonly #kept: Kept | null;
  /** What is under way: resolves to the bytes that were read for it. */
  readonly #coming = new Map<string, Promise<number>>();
  /** Files that were handed over as a whole. */
  readonly #whole = new Set<string>();
  #users = 0;
  #retired = false;

  constructor(index: Index, fetcher: Files, kept: Kept | null) {
    this.index = index;
    this.#fetcher = fetcher;
    this.#kept = kept;
  }

  /** Runs `work` with this epoch pinned. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      this.#free();
    }
  }

  retire(): void {
    this.#retired = true;
    this.#free();
  }

  /** Hands over what an earlier visit has kept of these files; true where there was something, so that less may be needed now. */
  async restore(files: readonly (FileRef | FileRange)[]): Promise<boolean> {
    const ranges = (await this.#kept?.take(files.map((file) => file.name))) ?? [];
    for (const { name, offset, bytes } of ranges) {
      try {
        this.index.supply_range(name, offset, bytes);
      } catch (error) {
        refuseOtherThanCorrupt(error);
        void this.#kept?.forget(name);
      }
    }
    return ranges.length > 0;
  }

  /** Brings these files or ranges; gives how many bytes were read for it. */
  async bring(files: readonly (FileRef | FileRange)[], signal: AbortSignal | undefined): Promise<number> {
    const read = await Promise.all(files.map((file) => this.#bringOne(file, signal)));
    return read.reduce((sum, bytes) => sum + bytes, 0);
  }

  async #bringOne(file: FileRef | FileRange, signal: AbortSignal | undefined): Promise<number> {
    const offset = "offset" in file ? file.offset : null;
    if (offset === null) return this.#once(file.name, () => this.#supply(file.name, () => this.#fetcher.fetch(file.name, signal), signal), signal);
    const supply = (): Promise<number> => this.#fetcher.inTurn(() => this.#supplyRange(file.name, offset, file.bytes, signal));
    return this.#once(`${file.name} ${offset} ${file.bytes}`, supply, signal);
  }

  /** Runs `supply` unless the same is under way already, which is then waited for. */
  async #once(key: string, supply: () => Promise<number>, signal: AbortSignal | undefined): Promise<number> {
    const coming = this.#coming.get(key);
    if (coming === undefined) {
      const started = supply().finally(() => this.#coming.delete(key));
      this.#coming.set(key, started);
      return started;
    }
    try {
      await coming;
      return 0;
    } catch (error) {
      // Whoever began it may have given it up; that is nothing to those who still want it.
      const isTheirs = toNearsightError(error, "index_corrupt").code === "aborted" && signal?.aborted !== true;
      if (!isTheirs) throw error;
      return this.#once(key, supply, signal);
    }
  }

  async #supply(name: string, read: () => Promise<Uint8Array>, signal: AbortSignal | undefined): Promise<number> {
    const bytes = await read();
    const again = await this.#hand(() => this.index.supply(name, bytes), name, signal);
    this.#whole.add(name);
    return bytes.length + again;
  }

  async #supplyRange(name: string, offset: number, length: number, signal: AbortSignal | undefined): Promise<number> {
    // The whole file may have come in place of another of its ranges.
    if (this.#whole.has(name)) return 0;
    if (!this.#fetcher.knowsRanges) return this.#bringOne({ name, bytes: 0 }, signal);
    const first = await this.#fetcher.fetchRange(name, offset, length, signal);
    if (first.kind === "file") return this.#supplyUnasked(name, first, signal);
    try {
      this.#range(name, offset, length, first.bytes);
      return first.bytes.length;
    } catch (error) {
      refuseOtherThanCorrupt(error);
    }
    const second = await this.#fetcher.fetchRange(name, offset, length, signal);
    if (second.kind === "file") return first.bytes.length + (await this.#supplyUnasked(name, second, signal));
    this.#lastly(name, () => this.#range(name, offset, length, second.bytes));
    return first.bytes.length + second.bytes.length;
  }

  /** Takes a whole file that came in place of a range, once, however many such answers come. */
  async #supplyUnasked(name: string, file: Answered & { kind: "file" }, signal: AbortSignal | undefined): Promise<number> {
    let used = false;
    const read = (): Promise<Uint8Array> => {
      used = true;
      return file.read();
    };
    const taken = this.#whole.has(name) ? 0 : await this.#once(name, () => this.#supply(name, read, signal), signal);
    if (!used) await file.drop();
    return taken;
  }

  /** A range that is shorter or longer than what was asked for might end with a part by chance. */
  #range(name: string, offset: number, length: number, bytes: Bytes): void {
    if (bytes.length !== length) throw new NearsightError("index_corrupt", `${length} bytes from ${offset} on were asked for, and ${bytes.length} came.`);
    this.index.supply_range(name, offset, bytes);
    this.#kept?.put(name, offset, bytes);
  }

  /** Hands a whole file over; where it is damaged, fetches it once more. Gives the bytes that this took. */
  async #hand(supply: () => void, name: string, signal: AbortSignal | undefined): Promise<number> {
    try {
      supply();
      return 0;
    } catch (error) {
      refuseOtherThanCorrupt(error);
    }
    const bytes = await this.#fetcher.refetch(name, signal);
    this.#lastly(name, () => this.index.supply(name, bytes));
    return bytes.length;
  }

  /** What fails now is told with its address. */
  #lastly(name: string, supply: () => void): void {
    try {
      supply();
    } catch (error) {
      const second = toNearsightError(error, "index_corrupt");
      throw new NearsightError(second.code, `${this.#fetcher.address(name)}: ${second.message}`, error);
    }
  }

  #free(): void {
    if (this.#retired && this.#users === 0) this.index.free();
  }
}

function refuseOtherThanCorrupt(error: unknown): void {
  const first = toNearsightError(error, "index_corrupt");
  if (first.code !== "index_corrupt") throw first;
}
