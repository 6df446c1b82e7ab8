// In place of the module's glue in the worker for vectors: the smaller module, and of the larger one the names that are missing.
// Nothing reaches these: without an embedder the engine refuses pictures first.

export * from "../wasm/vectors/nearsight.js";
export { default } from "../wasm/vectors/nearsight.js";

const absent = (): never => {
  throw new Error("nearsight/vectors has no embedder");
};

export class Embedder {
  constructor() {
    absent();
  }
}
export const decode = absent;
export const picture_from_rgba = absent;
