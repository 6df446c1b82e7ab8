// Both directions of the worker's protocol: one discriminated union, in which a request's kind
// decides the kind of its answer. Everything here can be cloned; no function crosses.

import type { PlainError } from "./errors.js";
import type { IndexFile, Metric, PictureRecord, Preload, Progress, Stats, Update } from "./types.js";

/** A file: its absolute address, its bytes, or (wasm only) the compiled module. */
export type AssetSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "bytes"; readonly bytes: ArrayBuffer };
export type WasmSource = AssetSource | { readonly kind: "module"; readonly module: WebAssembly.Module };
/** The package's own modules, of which the worker starts the one that the model needs; or one that the caller gave. */
export type ModuleSources =
  | { readonly kind: "own"; readonly plain: AssetSource; readonly anyModel: AssetSource }
  | { readonly kind: "given"; readonly wasm: WasmSource };

export interface OpenSettings {
  /** What addresses in the index are relative to: its folder; absolute, ends with a slash. */
  readonly index: string;
  /** Its files, where they are not in that folder but at hand. */
  readonly files: readonly IndexFile[] | null;
  readonly modules: ModuleSources;
  readonly model: { readonly onnx: AssetSource; readonly sidecar: AssetSource } | null;
  readonly preload: Preload;
  /** Whether ranges are kept for the next visit. */
  readonly keep: boolean;
  /** A replaced worker must not fall behind the epoch that the page has seen. */
  readonly lowestEpoch: number;
}

/** What is searched for, in a form that crosses to the worker. */
export type Source =
  | { readonly kind: "blob"; readonly blob: Blob }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "bitmap"; readonly bitmap: ImageBitmap }
  | { readonly kind: "pixels"; readonly width: number; readonly height: number; readonly rgba: Uint8ClampedArray }
  | { readonly kind: "vector"; readonly vector: Float32Array }
  | { readonly kind: "id"; readonly id: number };

export type FilterSettings =
  | { readonly kind: "conditions"; readonly tags: readonly string[]; readonly owner: string | null; readonly private: boolean }
  /** One bit a picture id, lowest bit first, made for `epoch`. */
  | { readonly kind: "allowed"; readonly bits: Uint8Array; readonly epoch: number };

export interface SearchSettings {
  readonly k: number;
  readonly recall: number;
  readonly minScore: number | null;
  readonly exact: boolean;
  readonly distinct: boolean | number;
  readonly perOwner: number | null;
  readonly filter: FilterSettings;
  /** True: the answer carries the vector as int8, for an event. */
  readonly wantCode: boolean;
  /** True: answer again exactly when idle, and report the recall. */
  readonly audit: boolean;
}

export interface RawHit {
  readonly id: number;
  readonly score: number;
  readonly distance: number;
  readonly cell: number;
  readonly record: PictureRecord;
}

export interface SearchAnswer {
  readonly hits: readonly RawHit[];
  readonly probed: readonly number[];
  readonly stats: Stats;
  readonly code: Int8Array | null;
}

export interface Opened {
  readonly epoch: number;
  readonly pictures: number;
  readonly cells: number;
  readonly dimension: number;
  readonly metric: Metric;
  readonly hasModel: boolean;
  readonly eventsEndpoint: string | null;
}

export interface AllRecords {
  readonly epoch: number;
  readonly records: readonly PictureRecord[];
}

export interface Memory {
  readonly wasmBytes: number;
  readonly loadedBytes: number;
}

/** The answer of each kind of request. */
export interface Answers {
  readonly open: Opened;
  readonly search: SearchAnswer;
  readonly embed: Float32Array;
  readonly check: Update;
  readonly records: AllRecords;
  readonly memory: Memory;
}
export type Kind = keyof Answers;

/** What each kind of request carries. */
export interface Payloads {
  readonly open: { readonly settings: OpenSettings };
  readonly search: { readonly source: Source; readonly settings: SearchSettings };
  readonly embed: { readonly source: Source };
  readonly check: Record<never, never>;
  readonly records: Record<never, never>;
  readonly memory: Record<never, never>;
}

export type Request =
  | { [K in Kind]: { readonly type: K; readonly id: number } & Payloads[K] }[Kind]
  | { readonly type: "cancel"; readonly id: number };

export type Reply =
  | { [K in Kind]: { readonly type: "done"; readonly kind: K; readonly id: number; readonly value: Answers[K] } }[Kind]
  | { readonly type: "failed"; readonly id: number; readonly error: PlainError; /** The module is unusable after a panic. */ readonly fatal: boolean }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "audited"; readonly id: number; readonly epoch: number; readonly recall: number };
