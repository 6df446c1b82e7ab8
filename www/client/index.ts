// The public surface of the npm package. Importing it has no effect: no window, no worker, no fetch.

export { buildIndex } from "./build.js";
export { createImageSearch, type ImageSearch, type Sharing } from "./session.js";
export { NearsightError, type Code } from "./errors.js";
export { CODES } from "./codes.js";
export type { Memory } from "./protocol.js";
export type {
  Asset,
  BuildOptions,
  BuildProgress,
  BuiltIndex,
  Conditions,
  EmbedOptions,
  EventOptions,
  Filter,
  Hit,
  ImageSearchOptions,
  IndexFile,
  Metric,
  PictureRecord,
  Preload,
  Progress,
  SearchInput,
  SearchOptions,
  SearchResult,
  Stats,
  Update,
} from "./types.js";
