// What a caller searches for → what crosses to the worker.
//
// A caller's own bitmap or pixels are cloned and never detached: the caller may still draw them, and
// a search that is answered again by a fresh worker needs them a second time. A Blob crosses by
// reference. Nothing is decoded here: the main thread stays free.

import { absolute } from "./assets.js";
import { NearsightError, describe } from "./errors.js";
import type { Source } from "./protocol.js";
import type { SearchInput } from "./types.js";

export async function toSource(input: SearchInput): Promise<Source> {
  if (typeof input === "string" || input instanceof URL) return { kind: "url", url: absolute(input) };
  if (input instanceof Blob) return { kind: "blob", blob: input };
  if (input instanceof Float32Array) return { kind: "vector", vector: input };
  if (input instanceof ImageBitmap) {
    if (input.width === 0) throw new NearsightError("picture_unreadable", "The ImageBitmap has been closed or transferred; search before giving it away.");
    return { kind: "bitmap", bitmap: input };
  }
  if (input instanceof ImageData) return { kind: "pixels", width: input.width, height: input.height, rgba: clamped(input) };
  if (input instanceof HTMLImageElement) return { kind: "bitmap", bitmap: await bitmapOf(input) };
  if (typeof input === "object" && input !== null && "id" in input && Number.isInteger(input.id) && input.id >= 0) return { kind: "id", id: input.id };
  throw new NearsightError(
    "query_invalid",
    `Cannot search for ${kindOf(input)}; give a Blob or File, ImageBitmap, ImageData, an image element, an address, a Float32Array, or { id }.`,
  );
}

/** Pixels of an element that is on the page already: no request is made for it. */
async function bitmapOf(element: HTMLImageElement): Promise<ImageBitmap> {
  try {
    await element.decode();
    return await createImageBitmap(element);
  } catch (cause) {
    throw new NearsightError("picture_unreadable", `The browser could not read the picture at ${element.currentSrc || "an empty address"}: ${describe(cause)}`, cause);
  }
}

function clamped(data: ImageData): Uint8ClampedArray {
  return data.data instanceof Uint8ClampedArray ? data.data : new Uint8ClampedArray(data.data);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? `an object of type ${value.constructor?.name ?? "unknown"}` : typeof value;
}
