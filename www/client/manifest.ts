// manifest.json → the names and sizes of the files, so that they are fetched while the module still
// compiles. The module reads the manifest again and for good: nothing here decides what is valid.

import { looksLikeHtml } from "./download.js";

export interface FileRef {
  readonly name: string;
  readonly bytes: number;
}

export interface ManifestFiles {
  readonly routing: readonly FileRef[];
  readonly segments: readonly FileRef[];
  readonly records: readonly FileRef[];
  /** `plain`: whether the module without general runtime runs it; null where an index of an earlier version does not say. */
  readonly model: { readonly onnx: FileRef; readonly sidecar: FileRef; readonly plain: boolean | null } | null;
}

const NONE: ManifestFiles = { routing: [], segments: [], records: [], model: null };

/** What the manifest names; nothing where it cannot be read, and the module then says why. */
export function readManifest(bytes: Uint8Array): ManifestFiles {
  if (looksLikeHtml(bytes)) return NONE;
  let manifest: unknown;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return NONE;
  }
  const model = field(manifest, "model");
  const onnx = fileRef(field(model, "onnx"));
  const sidecar = fileRef(field(model, "sidecar"));
  const plain = field(model, "plain");
  return {
    routing: fileRefs([field(manifest, "routing")]),
    segments: fileRefs(field(manifest, "segments")),
    records: fileRefs(field(manifest, "records")),
    model: onnx !== null && sidecar !== null ? { onnx, sidecar, plain: typeof plain === "boolean" ? plain : null } : null,
  };
}

export function totalBytes(files: readonly FileRef[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function fileRefs(value: unknown): FileRef[] {
  return Array.isArray(value) ? value.map(fileRef).filter((ref) => ref !== null) : [];
}

function fileRef(value: unknown): FileRef | null {
  const name = field(value, "name");
  const bytes = field(value, "bytes");
  if (typeof name !== "string" || typeof bytes !== "number") return null;
  // A manifest names files of its own folder only.
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(name) ? { name, bytes } : null;
}
