// A picture in any form → its vector, in the worker, one at a time.
//
// One at a time because a decoded photo is the largest thing in the module's memory, which never
// shrinks. Files are decoded by the module, as the builder does, so that both make the same vector;
// what the browser has decoded already comes in as pixels.

import type { Embedder, Picture } from "../wasm/nearsight.js";
import { download } from "./download.js";
import { NearsightError, describe, refuseIfAborted, toNearsightError } from "./errors.js";
import type { Glue } from "./modules.js";
import type { Source } from "./protocol.js";

export interface Embedded {
  readonly vector: Float32Array;
  readonly decodeMs: number;
  readonly embedMs: number;
  readonly bytesFetched: number;
}

export type PictureSource = Exclude<Source, { kind: "vector" } | { kind: "id" }>;

export class Pictures {
  readonly #glue: Glue;
  readonly #embedder: Embedder;
  #lane: Promise<unknown> = Promise.resolve();

  /** `embedder` is of the module of this glue. */
  constructor(glue: Glue, embedder: Embedder) {
    this.#glue = glue;
    this.#embedder = embedder;
  }

  embed(source: PictureSource, signal: AbortSignal): Promise<Embedded> {
    const turn = this.#lane.then(() => this.#embed(source, signal));
    this.#lane = turn.catch(() => undefined);
    return turn;
  }

  async #embed(source: PictureSource, signal: AbortSignal): Promise<Embedded> {
    refuseIfAborted(signal);
    const file = await readFile(source, signal);
    // A cancel that came meanwhile is heard here, before the work that cannot be stopped.
    await nextTask();
    refuseIfAborted(signal);
    const started = performance.now();
    const picture = file === null ? fromPixels(this.#glue, source) : await fromFile(this.#glue, file, this.#embedder.side);
    const decoded = performance.now();
    try {
      await nextTask();
      refuseIfAborted(signal);
      const embedding = performance.now();
      const vector = this.#embedder.embed(picture);
      const embedMs = performance.now() - embedding;
      picture.free();
      return { vector, decodeMs: decoded - started, embedMs, bytesFetched: source.kind === "url" && file !== null ? file.length : 0 };
    } catch (error) {
      // After a panic the module is not touched again: freeing would hide the panic behind its own error.
      if (!(error instanceof WebAssembly.RuntimeError)) picture.free();
      throw error;
    }
  }
}

/** The bytes of a source that is a file; null where it is pixels. */
async function readFile(source: PictureSource, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null> {
  if (source.kind === "url") return (await download(source.url, { signal, htmlCode: "picture_unsupported", what: "a picture" })).bytes;
  if (source.kind !== "blob") return null;
  try {
    return new Uint8Array(await source.blob.arrayBuffer());
  } catch (cause) {
    throw new NearsightError("picture_unreadable", `The file could not be read (${describe(cause)}); it may have been moved or changed since it was chosen.`, cause);
  }
}

/** The module's decoder; for formats that it lacks (AVIF, HEIC) the browser's, if that one has them. */
async function fromFile(glue: Glue, bytes: Uint8Array<ArrayBuffer>, side: number): Promise<Picture> {
  try {
    return glue.decode(bytes, side);
  } catch (error) {
    if (toNearsightError(error, "picture_broken").code !== "picture_unsupported" || error instanceof WebAssembly.RuntimeError) throw error;
    const bitmap = await createImageBitmap(new Blob([bytes])).catch(() => null);
    if (bitmap === null) throw error;
    return fromBitmap(glue, bitmap);
  }
}

function fromPixels(glue: Glue, source: PictureSource): Picture {
  if (source.kind === "pixels") return glue.picture_from_rgba(source.width, source.height, asBytes(source.rgba));
  if (source.kind === "bitmap") return fromBitmap(glue, source.bitmap);
  throw new NearsightError("query_invalid", `There are no pixels in a ${source.kind}.`);
}

function fromBitmap(glue: Glue, bitmap: ImageBitmap): Picture {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new NearsightError("picture_unreadable", `The browser gave no canvas of ${width} x ${height} pixels; give the file instead of its bitmap.`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return glue.picture_from_rgba(width, height, asBytes(context.getImageData(0, 0, width, height).data));
}

function asBytes(pixels: Uint8ClampedArray | ImageDataArray): Uint8Array {
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
}

let channel: MessageChannel | null = null;
const waiting: (() => void)[] = [];

/** Lets waiting messages in. A message of one's own is not delayed as a timer is. */
export function nextTask(): Promise<void> {
  if (channel === null) {
    channel = new MessageChannel();
    channel.port1.onmessage = (): void => waiting.shift()?.();
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(null);
  });
}
