// One epoch of an index, in the worker: its handle, and the fetching of what it lacks.
//
// Files are fetched side by side and handed to the module, which checks each against the hash in its
// name. Where a cache held damaged bytes, the file is fetched once more past the cache. An epoch is freed
// when it has been replaced and no query uses it.

import type { Index } from "../wasm/nearsight.js";
import { download } from "./download.js";
import { NearsightError, toNearsightError } from "./errors.js";
import type { FileRef } from "./manifest.js";

/** What fetches a file; `count` is told of the bytes. */
export class Fetcher {
  readonly #base: string;
  readonly #count: (bytes: number) => void;
  readonly #started = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(base: string, count: (bytes: number) => void) {
    this.#base = base;
    this.#count = count;
  }

  /** Begins fetching before anybody can use it; `fetch` of the same name joins. */
  prefetch(file: FileRef, signal: AbortSignal): void {
    const started = this.#download(file.name, signal);
    // Whoever fetches it is told; nobody needs to be.
    started.catch(() => undefined);
    this.#started.set(file.name, started);
  }

  async fetch(name: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const started = this.#started.get(name);
    this.#started.delete(name);
    return started ?? this.#download(name, signal);
  }

  /** Past every cache: what lay there had the wrong hash. */
  refetch(name: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    return this.#download(name, signal, "reload");
  }

  async #download(name: string, signal: AbortSignal | undefined, cache?: RequestCache): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = await download(this.#base + name, {
      signal,
      htmlCode: "index_corrupt",
      what: "a file of the index",
      onBytes: this.#count,
      ...(cache === undefined ? {} : { cache }),
    });
    return bytes;
  }

  address(name: string): string {
    return this.#base + name;
  }
}

export class Epoch {
  readonly index: Index;
  readonly #fetcher: Fetcher;
  readonly #coming = new Map<string, Promise<void>>();
  #users = 0;
  #retired = false;

  constructor(index: Index, fetcher: Fetcher) {
    this.index = index;
    this.#fetcher = fetcher;
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

  /** Brings these files; gives how many bytes were read for it. */
  async bring(files: readonly FileRef[], signal: AbortSignal | undefined): Promise<number> {
    const missing = files.filter((file) => !this.#coming.has(file.name));
    for (const file of missing) {
      const coming = this.#supply(file.name, signal).finally(() => this.#coming.delete(file.name));
      this.#coming.set(file.name, coming);
      coming.catch(() => undefined);
    }
    await Promise.all(files.map((file) => this.#coming.get(file.name)));
    return missing.reduce((sum, file) => sum + file.bytes, 0);
  }

  async #supply(name: string, signal: AbortSignal | undefined): Promise<void> {
    const bytes = await this.#fetcher.fetch(name, signal);
    try {
      this.index.supply(name, bytes);
    } catch (error) {
      const first = toNearsightError(error, "index_corrupt");
      if (first.code !== "index_corrupt") throw first;
      await this.#supplyAgain(name, signal);
    }
  }

  async #supplyAgain(name: string, signal: AbortSignal | undefined): Promise<void> {
    const bytes = await this.#fetcher.refetch(name, signal);
    try {
      this.index.supply(name, bytes);
    } catch (error) {
      const second = toNearsightError(error, "index_corrupt");
      throw new NearsightError(second.code, `${this.#fetcher.address(name)}: ${second.message}`, error);
    }
  }

  #free(): void {
    if (this.#retired && this.#users === 0) this.index.free();
  }
}
