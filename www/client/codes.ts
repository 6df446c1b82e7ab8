// Generated from the rooms' CODES by `NEARSIGHT_WRITE=1 cargo test --release --test error_codes`. Do not edit.

export const CODES = [
  "picture_empty",
  "picture_unsupported",
  "picture_broken",
  "picture_too_large",
  "model_broken",
  "model_mismatch",
  "model_reference_failed",
  "model_unsupported",
  "index_corrupt",
  "index_newer",
  "index_missing",
  "index_older",
  "index_unknown_file",
  "query_invalid",
  "aborted",
  "closed",
  "model_missing",
  "network_failed",
  "not_wasm",
  "options_invalid",
  "picture_unreadable",
  "wasm_unsupported",
  "worker_failed",
] as const;

export type Code = (typeof CODES)[number];
