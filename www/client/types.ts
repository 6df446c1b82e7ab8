// The shapes a caller sees: what may be searched for, what is asked, and what comes back.

/** A place in the loading of the three parts. `totalBytes` counts decoded bytes, as does `loadedBytes`. */
export interface Progress {
  readonly phase: "starting" | "loading" | "warming" | "ready";
  readonly loadedBytes: number;
  /** Null until the manifest has told the sizes; never a guess. */
  readonly totalBytes: number | null;
}

/** A file that the package needs: its address, or its bytes. */
export type Asset = string | URL | ArrayBuffer | Uint8Array<ArrayBuffer>;

/** What may be searched for. */
export type SearchInput =
  | Blob
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | URL
  | string
  | Float32Array
  | { readonly id: number };

/** What an index knows about a picture. */
export interface PictureRecord {
  readonly id: number;
  /** The site's own name for the picture; its path where none was given. */
  readonly key: string;
  readonly path: string;
  readonly title: string | null;
  /** An http(s) address, or null. */
  readonly url: string | null;
  /** The address of the thumbnail, or null where the index has none. */
  readonly thumb: string | null;
  /** Size of the thumbnail's original in pixels; 0 where it is not known. */
  readonly width: number;
  readonly height: number;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly uploaded: string | null;
  readonly private: boolean;
}

/** One found picture. */
export interface Hit extends PictureRecord {
  /** Cosine similarity, 1 for the same vector; of an index by Euclidean distance, minus the distance. Higher is better. */
  readonly score: number;
  /** Between the two unit vectors, 0 to 2; of an index by Euclidean distance, between the vectors as they were given. */
  readonly distance: number;
  readonly cell: number;
  /** Place in the answer, from 0. */
  readonly position: number;
  /** The answer it belongs to, for `click`. */
  readonly searchId: string;
}

/** What an answer cost and how complete it is. */
export interface Stats {
  readonly epoch: number;
  readonly cellsProbed: number;
  readonly cellsTotal: number;
  readonly vectorsScanned: number;
  readonly vectorsTotal: number;
  /** Bytes read for this search alone; what was loaded before is in `loadedBytes` of the session. */
  readonly bytesFetched: number;
  /** Expected recall of this answer, 0 to 1. */
  readonly confidence: number;
  /** True where a cap stopped the search before the recall that was asked for. */
  readonly capped: boolean;
  readonly decodeMs: number;
  readonly embedMs: number;
  readonly searchMs: number;
}

export interface SearchResult {
  readonly searchId: string;
  readonly hits: readonly Hit[];
  readonly stats: Stats;
}

/** Which pictures may be found. A picture must pass every condition that is given. */
export interface Conditions {
  /** It has at least one of these tags. */
  readonly tags?: readonly string[];
  readonly owner?: string;
  /** True: private pictures too. They are left out otherwise. */
  readonly private?: boolean;
}

export type Filter = Conditions | ((record: PictureRecord) => boolean);

export interface SearchOptions {
  /** How many hits, 1 to 1000. Default 24. */
  readonly k?: number;
  /** The share of the true nearest that is wanted, 0 to 1. Default 0.95. */
  readonly recall?: number;
  /** Hits whose score is below this are left out: a cosine, or minus a distance. */
  readonly minScore?: number;
  /** Look at every vector. */
  readonly exact?: boolean;
  /** True: a hit that is nearly the same picture as a better one is left out; a number: from this cosine on. Of an index by
   * Euclidean distance only a number will do: a hit that is no farther than this from a better one is left out. */
  readonly distinct?: boolean | number;
  /** At most so many hits of one owner. Pictures without an owner are not limited. */
  readonly perOwner?: number;
  readonly filter?: Filter;
  readonly signal?: AbortSignal;
}

export interface EmbedOptions {
  readonly signal?: AbortSignal;
}

export interface Update {
  readonly updated: boolean;
  readonly epoch: number;
  readonly pictures: number;
  readonly cells: number;
  readonly bytesFetched: number;
  /** The epoch of a manifest that was refused for being older than the one held. */
  readonly refusedEpoch: number | null;
}

/** `all`: every part before the first search. `routing`: of the cells what searches need, as they need it. `auto`: by size. */
export type Preload = "all" | "routing" | "auto";

export interface EventOptions {
  /** Nothing is queued or sent without it. A function is asked at each event. */
  readonly consent: boolean | (() => boolean);
  /** Where events go. Default: what the server that holds the index offers, if it does. */
  readonly endpoint?: string | URL;
  /** True: the int8 vector of a searched picture goes along. Default false. */
  readonly shareEmbedding?: boolean;
  /** The share of searches that is answered again exactly, in idle time, to report the recall. Default 0.02. */
  readonly auditShare?: number;
}

/** A file of an index, by the name that the manifest calls it; one of them is `manifest.json`. */
export interface IndexFile {
  readonly name: string;
  /** Of a Blob only what a search needs is read. */
  readonly bytes: Uint8Array<ArrayBuffer> | Blob;
}

/** What a build does. `done` and `total` are rows while it clusters, steps otherwise. */
export interface BuildProgress {
  readonly stage: "cluster" | "join" | "balance" | "refine" | "connect" | "encode" | "calibrate";
  readonly done: number;
  readonly total: number;
}

/** What makes two vectors near: their angle, whatever their lengths, or their Euclidean distance. */
export type Metric = "cosine" | "euclidean";

export interface BuildOptions {
  /** Numbers in a vector. Not needed for a list of vectors. */
  readonly dimension?: number;
  /** Default `cosine`. */
  readonly metric?: Metric;
  /** Of each vector; different whole numbers. Default: 0, 1, 2 … */
  readonly ids?: Uint32Array | readonly number[];
  /** About so many cells. Default: the cheapest of a few for a recall of 0.95. */
  readonly cells?: number;
  /** Another one gives other, equally good cells. Default 0. */
  readonly seed?: number;
  /** Width of a code; 9 by default. */
  readonly bits?: 9 | 6 | 5;
  readonly wasm?: Asset | WebAssembly.Module;
  /** The address of the script of the building worker, or a function that starts one. */
  readonly worker?: string | URL | (() => Worker);
  readonly onProgress?: (progress: BuildProgress) => void;
  readonly signal?: AbortSignal;
}

/** An index that was built: store the files where you like, and give them to `createImageSearch` as `index`. */
export interface BuiltIndex {
  readonly files: readonly (IndexFile & { readonly bytes: Uint8Array<ArrayBuffer> })[];
  readonly pictures: number;
  readonly cells: number;
  readonly dimension: number;
}

export interface ImageSearchOptions {
  /** The folder that `nearsight build` made, in which `manifest.json` lies; or the files of an index, as `buildIndex` gives them. */
  readonly index: string | URL | readonly IndexFile[];
  /** Another model than the index names. */
  readonly model?: { readonly onnx: Asset; readonly sidecar: Asset };
  readonly wasm?: Asset | WebAssembly.Module;
  /** The address of the worker script, or a function that starts one. */
  readonly worker?: string | URL | (() => Worker);
  readonly events?: EventOptions;
  readonly preload?: Preload;
  /** Keep the parts that searches fetched in the browser's storage, so that a later visit need not fetch them. Default true. */
  readonly keep?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Called after a new epoch was taken. */
  readonly onUpdate?: (update: Update) => void;
  readonly signal?: AbortSignal;
}
