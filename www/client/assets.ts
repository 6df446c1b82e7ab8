// Where the package's own files lie, and a caller's assets → what crosses to the worker.
//
// All `new URL(…, import.meta.url)` are of the kind that every bundler finds and rewrites. They
// stand inside functions, so that importing the package asks for nothing.

import { NearsightError } from "./errors.js";
import type { AssetSource, ModuleSources, WasmSource } from "./protocol.js";
import type { Asset } from "./types.js";

/** Starts the worker: the caller's, or the one that lies beside this file. */
export function startWorker(given: string | URL | (() => Worker) | undefined): Worker {
  if (typeof Worker === "undefined") {
    throw new NearsightError("worker_failed", "There is no Worker here: createImageSearch runs in a browser page, not on a server. Call it after the page has loaded.");
  }
  if (typeof given === "function") return given();
  if (given !== undefined) return new Worker(given, { type: "module", name: "nearsight" });
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "nearsight" });
}

/** Starts the worker that builds. */
export function startBuilder(given: string | URL | (() => Worker) | undefined): Worker {
  if (typeof Worker === "undefined") {
    throw new NearsightError("worker_failed", "There is no Worker here: buildIndex runs in a browser page; on a server there is `nearsight build --vectors`.");
  }
  if (typeof given === "function") return given();
  if (given !== undefined) return new Worker(given, { type: "module", name: "nearsight build" });
  return new Worker(new URL("./build-worker.js", import.meta.url), { type: "module", name: "nearsight build" });
}

/** What the address of the worker is, for messages. */
export function workerAddress(given: string | URL | (() => Worker) | undefined): string {
  if (typeof given === "function") return "the given function";
  return given === undefined ? new URL("./worker.js", import.meta.url).href : String(given);
}

export function moduleSources(given: Asset | WebAssembly.Module | undefined): ModuleSources {
  const wasm = givenWasm(given);
  if (wasm !== null) return { kind: "given", wasm };
  return {
    kind: "own",
    plain: { kind: "url", url: new URL("./nearsight_bg.wasm", import.meta.url).href },
    anyModel: { kind: "url", url: new URL("./nearsight_any_model_bg.wasm", import.meta.url).href },
  };
}

export function builderSource(given: Asset | WebAssembly.Module | undefined): WasmSource {
  return givenWasm(given) ?? { kind: "url", url: new URL("./nearsight_build_bg.wasm", import.meta.url).href };
}

function givenWasm(given: Asset | WebAssembly.Module | undefined): WasmSource | null {
  if (given === undefined) return null;
  if (given instanceof WebAssembly.Module) return { kind: "module", module: given };
  return assetSource(given);
}

export function assetSource(given: Asset): AssetSource {
  if (typeof given === "string" || given instanceof URL) return { kind: "url", url: absolute(given) };
  if (given instanceof ArrayBuffer) return { kind: "bytes", bytes: given };
  return { kind: "bytes", bytes: given.slice().buffer };
}

/** An address relative to the page → absolute. */
export function absolute(address: string | URL): string {
  try {
    return new URL(address, document.baseURI).href;
  } catch (cause) {
    throw new NearsightError("options_invalid", `"${String(address)}" is not an address.`, cause);
  }
}

/** The folder of an index: absolute, without query, with the slash that relative names need. */
export function folder(address: string | URL): string {
  const url = new URL(absolute(address));
  url.hash = "";
  url.search = "";
  if (url.pathname.endsWith("/manifest.json")) url.pathname = url.pathname.slice(0, -"manifest.json".length);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}
