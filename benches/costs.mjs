// What routing past a centroid, opening a cell and scanning a row cost in the wasm module, as benches/costs.rs tells it of the native library.
//   node benches/costs.mjs QUERIES.f32 DIST...
// Each DIST is an index of the same vectors, made by `nearsight build --vectors --cells N` with another N. Runs in Node, whose V8 is Chromium's: pages
// get no clock that is fine enough. Each query's time, the least of several rounds, is explained as a sum of a constant and a cost for each
// centroid, each cell opened and each row scanned, by least squares of the relative errors.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const QUERIES = 300;
const ROUNDS = 9;
const RECALLS = [0.8, 0.9, 0.95, 0.99];

const [file, ...folders] = process.argv.slice(2);
if (file === undefined || folders.length === 0) throw new Error("usage: node benches/costs.mjs QUERIES.f32 DIST...");
const folder = process.env.NEARSIGHT_WASM ?? fileURLToPath(new URL("../www/wasm", import.meta.url));
const { initSync, Index, Plan } = await import(pathToFileURL(join(folder, "nearsight.js")).href);
initSync({ module: readFileSync(join(folder, "nearsight_bg.wasm")) });
const bytes = readFileSync(file);
const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

const samples = [];
console.log("cells  asked  opened  scanned  mean µs");
for (const dist of folders) {
  const index = new Index(readFileSync(join(dist, "manifest.json")));
  const names = new Set(readdirSync(dist));
  for (const { name } of index.missing()) if (names.has(name)) index.supply(name, readFileSync(join(dist, name)));
  for (const recall of RECALLS) {
    const plan = new Plan({ k: 10, recall });
    const here = [];
    for (let query = 0; query < QUERIES; query++) {
      const vector = values.slice(query * index.dimension, (query + 1) * index.dimension);
      let least = Infinity;
      let answer = [];
      for (let round = 0; round < ROUNDS; round++) {
        const started = process.hrtime.bigint();
        answer = index.nearest(vector, plan);
        least = Math.min(least, Number(process.hrtime.bigint() - started));
      }
      here.push({ paid: [1, index.cells, answer[3], answer[2]], time: least });
    }
    // The first queries of a run meet code that is not compiled to its best yet.
    samples.push(...here.slice(20));
    const mean = (of) => here.reduce((sum, sample) => sum + of(sample), 0) / here.length;
    console.log(`${String(index.cells).padStart(5)}   ${recall.toFixed(2)}  ${mean((s) => s.paid[2]).toFixed(1).padStart(6)}  ${mean((s) => s.paid[3]).toFixed(0).padStart(7)}  ${(mean((s) => s.time) / 1e3).toFixed(1).padStart(7)}`);
  }
}
const [fixed, routed, opened, scanned] = leastSquares(samples);
console.log(`ns: ${fixed.toFixed(0)} for each query, ${routed.toFixed(2)} for each centroid, ${opened.toFixed(1)} for each cell opened, ${scanned.toFixed(2)} for each row scanned`);
console.log(`in scanned rows: ${(routed / scanned).toFixed(2)} for each centroid, ${(opened / scanned).toFixed(1)} for each cell opened`);

/** The costs whose sums come nearest to the times, relative to these. */
function leastSquares(samples) {
  const parts = samples[0].paid.length;
  const a = Array.from({ length: parts }, () => new Float64Array(parts + 1));
  for (const { paid, time } of samples) {
    for (let i = 0; i < parts; i++) {
      for (let j = 0; j < parts; j++) a[i][j] += (paid[i] * paid[j]) / (time * time);
      a[i][parts] += paid[i] / time;
    }
  }
  for (let i = 0; i < parts; i++) {
    const pivot = a[i][i];
    for (let j = 0; j <= parts; j++) a[i][j] /= pivot;
    for (let other = 0; other < parts; other++) {
      if (other === i) continue;
      const times = a[other][i];
      for (let j = 0; j <= parts; j++) a[other][j] -= times * a[i][j];
    }
  }
  return a.map((line) => line[parts]);
}
