// The wasm modules for pictures: the plain one, which most pages load, and the larger one, which runs any model. Each has glue of its own,
// made by wasm-bindgen, that fits no other.
//
// Which of them a page needs stands in the manifest. Where it does not (an index of an earlier version, a model of the caller's), the plain one
// is tried, and the larger one is started beside it when the model asks for it: the index stays where it is, pictures go to the second.

import * as anyModelGlue from "../wasm/any-model/nearsight.js";
import * as plainGlue from "../wasm/nearsight.js";
import { NearsightError } from "./errors.js";
import { compiled, startModule } from "./module.js";
import type { ModuleSources } from "./protocol.js";

/** What a started module does. The larger one does all that the plain one does. */
export type Glue = typeof plainGlue;
export type Kind = "plain" | "anyModel";

/** Sizes of the modules that were built with this client, decoded; set by the bundler's `define`. */
declare const NEARSIGHT_WASM_BYTES: number;
declare const NEARSIGHT_ANY_MODEL_WASM_BYTES: number;

/** Of the bundle for vectors, and of a page that was built in haste, the larger one is no part: its glue is empty. */
const GLUES: Readonly<Record<Kind, Glue | null>> = {
  plain: plainGlue,
  anyModel: "Embedder" in anyModelGlue ? (anyModelGlue as unknown as Glue) : null,
};
const BYTES: Readonly<Record<Kind, number>> = { plain: NEARSIGHT_WASM_BYTES, anyModel: NEARSIGHT_ANY_MODEL_WASM_BYTES };
/** What the larger module exports and the plain one does not. */
const MARK = "runs_any_model";

export class Modules {
  readonly #sources: ModuleSources;
  readonly #count: (bytes: number) => void;
  readonly #started: Glue[] = [];

  constructor(sources: ModuleSources, count: (bytes: number) => void) {
    this.#sources = sources;
    this.#count = count;
  }

  /** How many bytes the module adds to the total; none where it was given. */
  bytes(kind: Kind): number {
    return this.#sources.kind === "own" ? BYTES[kind] : 0;
  }

  /** Starts one of the package's own, or the one that was given, whatever that is. */
  async start(kind: Kind, signal: AbortSignal): Promise<Glue> {
    const sources = this.#sources;
    if (sources.kind === "own") return this.#start(kind, sources[kind], signal);
    const module = await compiled(sources.wasm, BYTES[kind], this.#count, signal);
    const isLarger = WebAssembly.Module.exports(module).some(({ name }) => name === MARK);
    return this.#start(isLarger ? "anyModel" : "plain", { kind: "module", module }, signal);
  }

  /** Starts the larger one for a model that `refused` says needs it; where only another was given, that is the answer. */
  async startLarger(refused: NearsightError, signal: AbortSignal): Promise<Glue> {
    if (this.#sources.kind === "given" || GLUES.anyModel === null) throw refused;
    return this.start("anyModel", signal);
  }

  get memoryBytes(): number {
    return this.#started.reduce((sum, glue) => sum + glue.memory_bytes(), 0);
  }

  /** What the panic said that ended a module, if one did. */
  get lastPanic(): string | undefined {
    return this.#started.map((glue) => glue.last_panic()).find((text) => text !== undefined);
  }

  async #start(kind: Kind, source: Parameters<typeof startModule>[1], signal: AbortSignal): Promise<Glue> {
    const glue = GLUES[kind];
    if (glue === null) throw new NearsightError("model_needs_any_model", "This page was built without the module that runs any model: build all modules, then the page again.");
    await startModule(glue, source, BYTES[kind], this.#count, signal);
    this.#started.push(glue);
    return glue;
  }
}
