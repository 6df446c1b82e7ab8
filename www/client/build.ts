// Vectors → the files of an index, made in a worker of its own, which ends with the work: its memory, several times that of
// the vectors, is given back, and a build that is no longer wanted stops at once.

import { builderSource, startBuilder } from "./assets.js";
import { NearsightError, abortedError, refuseIfAborted, toNearsightError } from "./errors.js";
import type { BuildReply, BuildRequest } from "./build-protocol.js";
import type { BuildOptions, BuiltIndex } from "./types.js";

/**
 * Builds an index of vectors: one after the other in one array, or a list of them, of any length. The files are
 * those that `nearsight build --vectors` writes for the same vectors, seed and settings.
 */
export async function buildIndex(vectors: Float32Array | readonly Float32Array[], options: BuildOptions = {}): Promise<BuiltIndex> {
  refuseIfAborted(options.signal);
  const request = toRequest(vectors, options);
  const worker = startBuilder(options.worker);
  try {
    return await answered(worker, request, options);
  } finally {
    worker.terminate();
  }
}

function toRequest(vectors: Float32Array | readonly Float32Array[], options: BuildOptions): BuildRequest {
  const flat = vectors instanceof Float32Array;
  const dimension = options.dimension ?? (flat ? undefined : vectors[0]?.length);
  if (dimension === undefined || !Number.isInteger(dimension) || dimension < 1) {
    throw invalid(flat ? `dimension is ${String(options.dimension)}; expected how many numbers a vector has` : "there are no vectors; give at least one");
  }
  const values = flat ? vectors : joined(vectors, dimension);
  if (values.length === 0 || values.length % dimension !== 0) {
    throw invalid(`${values.length} numbers are not one or more vectors of ${dimension}`);
  }
  const { ids, cells, seed = 0, bits = 9, metric = "cosine" } = options;
  const rows = values.length / dimension;
  if (ids !== undefined && ids.length !== rows) throw invalid(`${rows} vectors but ${ids.length} ids; give one for each`);
  const stray = Array.from(ids ?? []).find((id) => !isWord(id));
  if (stray !== undefined) throw invalid(`${stray} is no id; expected whole numbers from 0 to 4294967295`);
  if (cells !== undefined && !(isWord(cells) && cells > 0)) throw invalid(`cells is ${cells}; expected a whole number from 1 on`);
  if (metric !== "cosine" && metric !== "euclidean") throw invalid(`metric is ${String(metric)}; expected cosine or euclidean`);
  if (!isWord(seed)) throw invalid(`seed is ${seed}; expected a whole number from 0 to 4294967295`);
  return {
    wasm: builderSource(options.wasm),
    values,
    dimension,
    ids: ids === undefined ? null : Uint32Array.from(ids),
    settings: { cells: cells ?? null, seed, bits, metric },
  };
}

function joined(vectors: readonly Float32Array[], dimension: number): Float32Array {
  const values = new Float32Array(vectors.length * dimension);
  vectors.forEach((vector, row) => {
    if (vector.length !== dimension) throw invalid(`vector ${row} (the first is 0) has ${vector.length} numbers where the others have ${dimension}`);
    values.set(vector, row * dimension);
  });
  return values;
}

function answered(worker: Worker, request: BuildRequest, { signal, onProgress }: BuildOptions): Promise<BuiltIndex> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortedError(signal?.reason));
    signal?.addEventListener("abort", abort, { once: true });
    const settle = (end: () => void): void => {
      signal?.removeEventListener("abort", abort);
      end();
    };
    worker.onmessage = ({ data }: MessageEvent<BuildReply>) => {
      if (data.type === "progress") onProgress?.(data.progress);
      else if (data.type === "failed") settle(() => reject(toNearsightError(data.error, "worker_failed")));
      else settle(() => resolve({ files: data.files, cells: data.cells, pictures: request.values.length / request.dimension, dimension: request.dimension }));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const said = event.message || "no reason given: is the address right, and does the content security policy allow it in worker-src?";
      settle(() => reject(new NearsightError("worker_failed", `The building worker failed: ${said}`)));
    };
    worker.postMessage(request);
  });
}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

function invalid(what: string): NearsightError {
  return new NearsightError("options_invalid", `buildIndex: ${what}.`);
}
