// Address, bytes or compiled module → the started wasm module.
//
// Compiled while it streams, where the server names its type rightly; otherwise from its bytes, after a
// look at the first four: what most often goes wrong is a server that sends its start page instead.

import { download, request, type DownloadOptions } from "./download.js";
import { NearsightError, describe } from "./errors.js";
import type { WasmSource } from "./protocol.js";

/** The way in that wasm-bindgen makes for a module. */
interface Glue {
  readonly default: (from: { module_or_path: WebAssembly.Module }) => Promise<unknown>;
}

/** Starts the module of this glue. `size` is how many bytes it has, decoded; `onBytes` is told of them as they come. */
export async function startModule(glue: Glue, source: WasmSource, size: number, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  const module_or_path = await compiled(source, size, onBytes, signal);
  try {
    await glue.default({ module_or_path });
  } catch (cause) {
    throw new NearsightError("not_wasm", `The wasm module does not fit this client: ${describe(cause)}. Serve the file that was released with it.`, cause);
  }
}

export async function compiled(source: WasmSource, size: number, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<WebAssembly.Module> {
  if (!supportsSimd()) {
    throw new NearsightError("wasm_unsupported", "This browser does not run WebAssembly with 128-bit SIMD. Chrome and Edge 91, Firefox 89, Safari 16.4 and later do.");
  }
  if (source.kind === "module") return source.module;
  if (source.kind === "bytes") return compile(new Uint8Array(source.bytes), "the given bytes");
  const options: DownloadOptions = { signal, htmlCode: "not_wasm", what: "the wasm module" };
  const response = await request(source.url, options);
  if (response.headers.get("content-type") === "application/wasm") {
    try {
      // The untouched response: browsers keep the compiled code of these in their cache.
      const module = await WebAssembly.compileStreaming(response);
      onBytes(size);
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
