// A file of the index, or a range of one → bytes. Nothing is checked here but that an answer is one.
//
// A server may know no ranges and send the whole file instead: then the answer to a range is that file, which whoever
// asked reads or drops, and from there on whole files are asked for.

import { download, readBody, request, type DownloadOptions } from "./download.js";
import type { FileRef } from "./manifest.js";

export type Bytes = Uint8Array<ArrayBuffer>;

/** The manifest, and what the server said beside it. */
export interface Manifest {
  readonly bytes: Bytes;
  readonly headers: Headers;
}

/** Of a file the bytes from `offset` on; all of it where that is null. */
export interface FileRange {
  readonly name: string;
  readonly offset: number | null;
  readonly bytes: number;
}

/** The answer to a range: its bytes, or the whole file, still to be read. */
export type Answered =
  | { readonly kind: "range"; readonly bytes: Bytes }
  | { readonly kind: "file"; readonly read: () => Promise<Bytes>; readonly drop: () => Promise<void> };

/** Whatever holds the files of an index. */
export interface Files {
  manifest(signal: AbortSignal): Promise<Manifest>;
  /** Begins reading before anybody can use it; `fetch` of the same name joins. */
  prefetch(file: FileRef, signal: AbortSignal): void;
  fetch(name: string, signal: AbortSignal | undefined): Promise<Bytes>;
  /** Past every cache: what lay there had the wrong hash. */
  refetch(name: string, signal: AbortSignal | undefined): Promise<Bytes>;
  /** False once a range has been answered with a whole file. */
  readonly knowsRanges: boolean;
  fetchRange(name: string, offset: number, bytes: number, signal: AbortSignal | undefined): Promise<Answered>;
  /** Runs `work` when few enough others run. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** What to call a file in a message. */
  address(name: string): string;
}

/** Ranges that are asked for at one time: browsers keep six connections to a server of HTTP/1, and one of HTTP/2 for any number. */
const RANGES_AT_ONCE = 8;

/** Files in a folder of a server; `count` is told of the bytes. */
export class Fetcher implements Files {
  readonly #base: string;
  readonly #count: (bytes: number) => void;
  readonly #started = new Map<string, Promise<Bytes>>();
  readonly #waiting: (() => void)[] = [];
  #free = RANGES_AT_ONCE;
  #knowsRanges = true;

  constructor(base: string, count: (bytes: number) => void) {
    this.#base = base;
    this.#count = count;
  }

  manifest(signal: AbortSignal): Promise<Manifest> {
    return download(`${this.#base}manifest.json`, { signal, cache: "no-cache", htmlCode: "index_corrupt", what: "the manifest of an index", onBytes: this.#count });
  }

  prefetch(file: FileRef, signal: AbortSignal): void {
    const started = this.#download(file.name, signal);
    // Whoever fetches it is told; nobody needs to be.
    started.catch(() => undefined);
    this.#started.set(file.name, started);
  }

  async fetch(name: string, signal: AbortSignal | undefined): Promise<Bytes> {
    const started = this.#started.get(name);
    this.#started.delete(name);
    return started ?? this.#download(name, signal);
  }

  refetch(name: string, signal: AbortSignal | undefined): Promise<Bytes> {
    return this.#download(name, signal, "reload");
  }

  get knowsRanges(): boolean {
    return this.#knowsRanges;
  }

  async fetchRange(name: string, offset: number, bytes: number, signal: AbortSignal | undefined): Promise<Answered> {
    const url = this.#base + name;
    // Ranges stay out of the browser's cache. Chromium has the ranges of one file wait for each other there: later answers took twice as long (40 ms there
    // and back, `npm run bench:visits`). And where its cache has a file's compressed form, as of records, it may fail to read a range.
    const options = { ...this.#options(signal, "no-store"), range: { offset, bytes } };
    const response = await request(url, options);
    if (response.status === 206) return { kind: "range", bytes: await readBody(response, url, options) };
    const drop = async (): Promise<void> => response.body?.cancel();
    if (response.status === 416) {
      // The file ends before the range, or the server wants none; the hash of the whole file tells which.
      await drop();
      return { kind: "file", read: () => this.#download(name, signal), drop: async () => undefined };
    }
    this.#knowsRanges = false;
    return { kind: "file", read: () => readBody(response, url, options), drop };
  }

  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  address(name: string): string {
    return this.#base + name;
  }

  async #download(name: string, signal: AbortSignal | undefined, cache?: RequestCache): Promise<Bytes> {
    return (await download(this.#base + name, this.#options(signal, cache))).bytes;
  }

  #options(signal: AbortSignal | undefined, cache: RequestCache | undefined): DownloadOptions {
    return {
      signal,
      htmlCode: "index_corrupt",
      what: "a file of the index",
      onBytes: this.#count,
      ...(cache === undefined ? {} : { cache }),
    };
  }
}
