// The worker that builds: vectors in, files out. It hears nothing while it works; who wants it to stop ends it.

import * as glue from "../wasm/build/nearsight.js";
import type { BuildReply, BuildRequest } from "./build-protocol.js";
import { NearsightError, describe, toNearsightError, toPlainError } from "./errors.js";
import { startModule } from "./module.js";
import type { BuiltIndex } from "./types.js";

/** What of the worker's global scope is used; its whole type clashes with the page's. */
interface WorkerScope {
  postMessage(message: BuildReply, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<BuildRequest>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }): void => {
  build(data).catch((thrown: unknown) => {
    const error = thrown instanceof WebAssembly.RuntimeError
      ? new NearsightError("worker_failed", `The module failed: ${glue.last_panic() ?? describe(thrown)}`, thrown)
      : toNearsightError(thrown, "worker_failed");
    scope.postMessage({ type: "failed", error: toPlainError(error) });
  });
};

async function build({ wasm, values, dimension, ids, settings }: BuildRequest): Promise<void> {
  await startModule(glue, wasm, 0, () => undefined, new AbortController().signal);
  const built = glue.build_index(values, dimension, ids, settings, (stage, done, total) => {
    scope.postMessage({ type: "progress", progress: { stage, done, total } });
  });
  const { cells } = built;
  const files: BuiltIndex["files"][number][] = [];
  for (const name of built.names) {
    const bytes = built.take(name);
    if (bytes !== undefined) files.push({ name, bytes: bytes as Uint8Array<ArrayBuffer> });
  }
  scope.postMessage({ type: "done", files, cells }, files.map(({ bytes }) => bytes.buffer));
}
