// One runtime in one worker: loads the model once, then embeds the same picture as often as it is told to.
//
// In: { engine: "nearsight" | "onnxruntime-web" } once, then { times }. Out: what loading took and the vector, then milliseconds.
// nearsight's time holds the preparation of the pixels; onnxruntime-web is given them prepared.

const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

/** The picture: every engine sees the same. */
function pixels(side) {
  const rgba = new Uint8Array(side * side * 4);
  for (let at = 0; at < side * side; at++) {
    const [x, y] = [at % side, Math.floor(at / side)];
    rgba.set([(x * 2) % 256, (y * 2) % 256, (x * y) % 256, 255], at * 4);
  }
  return rgba;
}

async function nearsight(onnx, sidecar) {
  const module = await import("/nearsight/nearsight.js");
  await module.default({ module_or_path: fetch("/nearsight/nearsight_bg.wasm") });
  const began = performance.now();
  const embedder = new module.Embedder(onnx, sidecar);
  const ready_ms = performance.now() - began;
  const { side } = embedder;
  const picture = module.picture_from_rgba(side, side, pixels(side));
  return { ready_ms, embed: () => embedder.embed(picture) };
}

async function onnxruntime(onnx, sidecar) {
  const ort = await import("/modules/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";
  const { input, output } = JSON.parse(new TextDecoder().decode(sidecar));
  const side = input.width;
  const rgba = pixels(side);
  const values = new Float32Array(3 * side * side);
  for (let at = 0; at < side * side; at++) {
    for (let c = 0; c < 3; c++) values[c * side * side + at] = (rgba[at * 4 + c] / 255 - input.mean[c]) / input.std[c];
  }
  const tensor = new ort.Tensor("float32", values, [1, 3, side, side]);
  const run = async (session) => (await session.run({ [input.name]: tensor }))[output.name].data;
  const began = performance.now();
  const session = await ort.InferenceSession.create(onnx, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  await run(session);
  const ready_ms = performance.now() - began;
  return { ready_ms, embed: () => run(session) };
}

function unit(values) {
  const length = Math.hypot(...values);
  return [...values].map((value) => value / length);
}

let engine;
onmessage = async ({ data }) => {
  try {
    if (data.engine) {
      const load = data.engine === "nearsight" ? nearsight : onnxruntime;
      const [onnx, sidecar] = await Promise.all([bytes("/model/nearsight-128.onnx"), bytes("/model/nearsight-128.json")]);
      engine = await load(onnx, sidecar);
      postMessage({ ready_ms: engine.ready_ms, vector: unit(await engine.embed()) });
    } else {
      const took = [];
      for (let i = 0; i < data.times; i++) {
        const began = performance.now();
        await engine.embed();
        took.push(performance.now() - began);
      }
      postMessage({ took });
    }
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) });
  }
};
