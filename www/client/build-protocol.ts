// What crosses between a page and the worker that builds: one request, then progress, then one end.

import type { PlainError } from "./errors.js";
import type { WasmSource } from "./protocol.js";
import type { BuildProgress, BuiltIndex, Metric } from "./types.js";

export interface BuildRequest {
  readonly wasm: WasmSource;
  readonly values: Float32Array;
  readonly dimension: number;
  readonly ids: Uint32Array | null;
  readonly settings: { readonly cells: number | null; readonly seed: number; readonly bits: number; readonly metric: Metric };
}

export type BuildReply =
  | { readonly type: "progress"; readonly progress: BuildProgress }
  | { readonly type: "done"; readonly files: BuiltIndex["files"]; readonly cells: number }
  | { readonly type: "failed"; readonly error: PlainError };
