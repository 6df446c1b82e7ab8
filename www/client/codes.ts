// Printed by tests/error_codes.rs from the rooms' CODES and the client's own; change it there.

export const CODES = [
  "aborted",
  "closed",
  "index_corrupt",
  "index_missing",
  "index_newer",
  "index_older",
  "index_outdated",
  "index_unknown_file",
  "model_broken",
  "model_mismatch",
  "model_missing",
  "model_output_invalid",
  "model_reference_failed",
  "model_sidecar_invalid",
  "model_unsupported",
  "network_failed",
  "not_wasm",
  "options_invalid",
  "picture_broken",
  "picture_empty",
  "picture_pixels_invalid",
  "picture_target_invalid",
  "picture_too_large",
  "picture_unreadable",
  "picture_unsupported",
  "query_invalid",
  "wasm_unsupported",
  "worker_failed",
] as const;

export type Code = (typeof CODES)[number];
