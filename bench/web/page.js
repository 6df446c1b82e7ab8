// Requests of the runner → messages to one worker a system. Answers are plain values: they cross to Node.
const workers = new Map();
let ids = 0;

function start(system, context) {
  const worker = new Worker(`/workers/${system}.js`, { type: "module", name: system });
  const pending = new Map();
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(`${system}: ${error}`));
  };
  worker.onerror = (event) => {
    for (const { reject } of pending.values()) reject(new Error(`${system}: ${event.message ?? "the worker failed"}`));
    pending.clear();
  };
  const ask = (request) => new Promise((resolve, reject) => {
    const id = ids++;
    pending.set(id, { resolve, reject });
    worker.postMessage({ ...request, id, system, context });
  });
  return { ask, end: () => worker.terminate() };
}

globalThis.bench = {
  isolated: () => globalThis.crossOriginIsolated,

  /** Builds the index and saves it in browser storage, in a worker of its own. */
  async build(system, context) {
    const worker = start(system, context);
    const built = await worker.ask({ type: "build" });
    worker.end();
    return built;
  },

  /** From nothing to the first answer: code, module, saved index, one search. */
  async open(system, context, query) {
    const began = performance.now();
    const worker = start(system, context);
    const opened = await worker.ask({ type: "open", first: new Float32Array(query) });
    const open_ms = performance.now() - began;
    workers.set(system, worker);
    return { ...opened, open_ms };
  },

  /** What opening left to be done: milliseconds, and the memory held then. */
  complete: (system) => workers.get(system).ask({ type: "complete" }),

  /** All queries with one setting: microseconds and row numbers, query by query. */
  measure: (system, setting) => workers.get(system).ask({ type: "measure", setting }),
};
