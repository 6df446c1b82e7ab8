// `nearsight/vectors`: the same package with a module that has no embedder, for pages that bring vectors of their own.

export * from "./index.js";
