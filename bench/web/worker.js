// One system under measurement, alone in its worker: `run` is given its module, which has these members:
//   settings          what is swept, least work first
//   build(context)    makes the index of /data/vectors.base.f32 and saves it; gives { build_s, bytes }
//   open(context, lap)  loads code and saved index, and says when each is done; gives { bytes }
//   complete()        may be absent: what opening left to be done later, before the searches that are measured
//   first             may be absent: the setting of the search that opening ends with, else that of least work
//   use(setting)      before a series of queries; may be slow
//   nearest(query, rows)   the k best row numbers into `rows`
//   memory()          bytes held: module memory and copies kept beside it

// Since the worker was made: what starting it takes.
const started_ms = performance.now();

// How many queries come before the first that counts, with each setting: the engine compiles what is hot.
const WARM_UP = 30;

let queries;

const handlers = (system) => ({
  async build({ context }) {
    return system.build(context);
  },

  async open({ context, first }) {
    const steps = { worker: started_ms };
    let before = started_ms;
    const lap = (step) => {
      const now = performance.now();
      steps[step] = now - before;
      before = now;
    };
    const opened = await system.open(context, lap);
    lap("index");
    await system.use(system.first ?? system.settings[0]);
    const rows = new Int32Array(context.k);
    system.nearest(first, rows);
    lap("search");
    return { ...opened, steps, settings: system.settings, via: system.via, rows: [...rows] };
  },

  async complete() {
    const began = performance.now();
    await system.complete?.();
    return { complete_ms: performance.now() - began, memory_bytes: system.memory() };
  },

  async measure({ context, setting }) {
    const { k, dimension } = context;
    queries ??= new Float32Array(await (await fetch("/data/vectors.query.f32")).arrayBuffer());
    const count = queries.length / dimension;
    await system.use(setting);
    const rows = new Int32Array(k);
    const found = new Int32Array(count * k);
    const times = new Float64Array(count);
    for (let number = 0; number < Math.min(WARM_UP, count); number++) {
      system.nearest(queries.subarray(number * dimension, (number + 1) * dimension), rows);
    }
    for (let number = 0; number < count; number++) {
      const query = queries.subarray(number * dimension, (number + 1) * dimension);
      rows.fill(-1);
      const began = performance.now();
      system.nearest(query, rows);
      times[number] = (performance.now() - began) * 1e3;
      found.set(rows, number * k);
    }
    return { times: [...times], found: [...found] };
  },
});

export function run(system) {
  const handle = handlers(system);
  onmessage = async ({ data }) => {
    try {
      postMessage({ id: data.id, value: await handle[data.type](data) });
    } catch (error) {
      postMessage({ id: data.id, error: error?.stack ?? error?.message ?? JSON.stringify(error) });
    }
  };
}
