// Address, bytes or compiled module → the started wasm module.
//
// Compiled while it streams, where the server names its type rightly; otherwise from its bytes, after a
// look at the first four: what most often goes wrong is a server that sends its start page instead.

import init, { memory_bytes } from "../wasm/nearsight.js";
import { download, request, type DownloadOptions } from "./download.js";
import { NearsightError, describe } from "./errors.js";
import type { WasmSource } from "./protocol.js";

/** The size of the module that was built with this client, decoded; set by the bundler's `define`. */
declare const NEARSIGHT_WASM_BYTES: number;

/** How many bytes the module adds to the total; none where it was given. */
export function moduleBytes(source: WasmSource): number {
  return source.kind === "url" ? NEARSIGHT_WASM_BYTES : 0;
}

export async function startModule(source: WasmSource, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  if (!supportsSimd()) {
    throw new NearsightError("wasm_unsupported", "This browser does not run WebAssembly with 128-bit SIMD. Chrome and Edge 91, Firefox 89, Safari 16.4 and later do.");
  }
  const module_or_path = await moduleOf(source, onBytes, signal);
  try {
    await init({ module_or_path });
  } catch (cause) {
    throw new NearsightError("not_wasm", `The wasm module does not fit this client: ${describe(cause)}. Serve the file that was released with it.`, cause);
  }
}

export { memory_bytes as moduleMemoryBytes };

async function moduleOf(source: WasmSource, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<WebAssembly.Module> {
  if (source.kind === "module") return source.module;
  if (source.kind === "bytes") return compile(new Uint8Array(source.bytes), "the given bytes");
  const options: DownloadOptions = { signal, htmlCode: "not_wasm", what: "the wasm module" };
  const response = await request(source.url, options);
  if (response.headers.get("content-type") === "application/wasm") {
    try {
      // The untouched response: browsers keep the compiled code of these in their cache.
      const module = await WebAssembly.compileStreaming(response);
      onBytes(NEARSIGHT_WASM_BYTES);
      return module;
    } catch (cause) {
      if (signal.aborted) throw cause;
      // Cut short, or not wasm: the bytes tell which.
    }
  }
  const { bytes } = await download(source.url, { ...options, onBytes });
  return compile(bytes, source.url);
}

async function compile(bytes: Uint8Array<ArrayBuffer>, origin: string): Promise<WebAssembly.Module> {
  if (bytes[0] !== 0x00 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    const start = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 24)));
    throw new NearsightError("not_wasm", `${origin} is not a wasm module: ${bytes.length} bytes that begin with ${start}.`);
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new NearsightError("not_wasm", `${origin} is not the wasm module of this client, or was cut short: ${describe(cause)}.`, cause);
  }
}

/** A module of one function that uses a SIMD instruction (i8x16.splat); valid only where SIMD is. */
function supportsSimd(): boolean {
  const probe = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]);
  return WebAssembly.validate(probe);
}
