// The files of an index that the page has at hand → the same to the engine as a folder on a server.
//
// From a Blob only what is asked for is read: an index that lies in the browser's storage answers as soon as the
// cells of the first search have come.

import { NearsightError, describe } from "./errors.js";
import type { Answered, Bytes, Files, Manifest } from "./fetcher.js";
import type { IndexFile } from "./types.js";

const MANIFEST = "manifest.json";

export class GivenFiles implements Files {
  readonly #files: ReadonlyMap<string, IndexFile["bytes"]>;
  readonly #count: (bytes: number) => void;
  readonly knowsRanges = true;

  constructor(files: readonly IndexFile[], count: (bytes: number) => void) {
    this.#files = new Map(files.map(({ name, bytes }) => [name, bytes]));
    this.#count = count;
  }

  async manifest(): Promise<Manifest> {
    return { bytes: await this.fetch(MANIFEST), headers: new Headers() };
  }

  /** Nothing is gained by reading before somebody asks. */
  prefetch(): void {}

  fetch(name: string): Promise<Bytes> {
    const file = this.#file(name);
    return this.#read(name, file, 0, file instanceof Blob ? file.size : file.length);
  }

  /** There is no other place to read from. */
  refetch(name: string): Promise<Bytes> {
    return this.fetch(name);
  }

  async fetchRange(name: string, offset: number, bytes: number): Promise<Answered> {
    return { kind: "range", bytes: await this.#read(name, this.#file(name), offset, offset + bytes) };
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  address(name: string): string {
    return `the given file ${name}`;
  }

  #file(name: string): IndexFile["bytes"] {
    const file = this.#files.get(name);
    if (file === undefined) throw new NearsightError("index_missing", `${name} is not among the ${this.#files.size} files that were given as the index; give all that belong to it.`);
    return file;
  }

  async #read(name: string, file: IndexFile["bytes"], start: number, end: number): Promise<Bytes> {
    if (file instanceof Uint8Array) {
      this.#count(end - start);
      return file.slice(start, end);
    }
    try {
      const bytes = new Uint8Array(await file.slice(start, end).arrayBuffer());
      this.#count(bytes.length);
      return bytes;
    } catch (cause) {
      throw new NearsightError("index_missing", `${name} could not be read (${describe(cause)}); it may have been changed or removed from storage.`, cause);
    }
  }
}
