// A picture in any form → its vector, in the worker, one at a time.
//
// One at a time because a decoded photo is the largest thing in the module's memory, which never
// shrinks. Files are decoded by the module, as the builder does, so that both make the same vector;
// what the browser has decoded already comes in as pixels.

import { decode, picture_from_rgba, type Embedder, type Picture } from "../wasm/nearsight.js";
import { download } from "./download.js";
import { NearsightError, describe, refuseIfAborted } from "./errors.js";
import type { Source } from "./protocol.js";

export interface Embedded {
  readonly vector: Float32Array;
  readonly decodeMs: number;
  readonly embedMs: number;
  readonly bytesFetched: number;
}

export type PictureSource = Exclude<Source, { kind: "vector" } | { kind: "id" }>;

export class Pictures {
  readonly #embedder: Embedder;
  #lane: Promise<unknown> = Promise.resolve();

  constructor(embedder: Embedder) {
    this.#embedder = embedder;
  }

  embed(source: PictureSource, signal: AbortSignal): Promise<Embedded> {
    const turn = this.#lane.then(() => this.#embed(source, signal));
    this.#lane = turn.catch(() => undefined);
    return turn;
  }

  async #embed(source: PictureSource, signal: AbortSignal): Promise<Embedded> {
    refuseIfAborted(signal);
    let bytesFetched = 0;
    let bytes: Uint8Array | null = null;
    if (source.kind === "blob") bytes = await readBlob(source.blob);
    if (source.kind === "url") {
      bytes = (await download(source.url, { signal, htmlCode: "picture_unsupported", what: "a picture" })).bytes;
      bytesFetched = bytes.length;
    }
    // A cancel that came meanwhile is heard here, before the work that cannot be stopped.
    await nextTask();
    refuseIfAborted(signal);
    const started = performance.now();
    const picture = bytes === null ? pixels(source) : decode(bytes, this.#embedder.side);
    const decoded = performance.now();
    try {
      await nextTask();
      refuseIfAborted(signal);
      const embedding = performance.now();
      const vector = this.#embedder.embed(picture);
      const embedMs = performance.now() - embedding;
      picture.free();
      return { vector, decodeMs: decoded - started, embedMs, bytesFetched };
    } catch (error) {
      // After a panic the module is not touched again: freeing would hide the panic behind its own error.
      if (!(error instanceof WebAssembly.RuntimeError)) picture.free();
      throw error;
    }
  }
}

async function readBlob(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw new NearsightError("picture_unreadable", `The file could not be read (${describe(cause)}); it may have been moved or changed since it was chosen.`, cause);
  }
}

function pixels(source: PictureSource): Picture {
  if (source.kind === "pixels") return picture_from_rgba(source.width, source.height, source.rgba);
  if (source.kind !== "bitmap") throw new NearsightError("query_invalid", `There are no pixels in a ${source.kind}.`);
  const { width, height } = source.bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new NearsightError("picture_unreadable", `The browser gave no canvas of ${width} x ${height} pixels; give the file instead of its bitmap.`);
  context.drawImage(source.bitmap, 0, 0);
  source.bitmap.close();
  try {
    return picture_from_rgba(width, height, context.getImageData(0, 0, width, height).data);
  } catch (cause) {
    if (cause instanceof DOMException) {
      throw new NearsightError("picture_unreadable", "The picture comes from another site that does not share its pixels (CORS); give the file, or serve it with Access-Control-Allow-Origin.", cause);
    }
    throw cause;
  }
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
