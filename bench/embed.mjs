// The default model in nearsight's module and in onnxruntime-web, in one run of one browser: `npm run bench:embed`.
//
// Prints and writes `bench/embed.json`: milliseconds until the model is ready (parsed, optimised, first run) in a new browser
// process, milliseconds a picture on one thread in interleaved rounds, and the cosine of the two vectors.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { fail, must, root, say } from "../scripts/step.mjs";
import { here } from "./prepare.mjs";
import { quantile } from "./report.mjs";
import { serve } from "./site.mjs";

const ENGINES = ["nearsight", "onnxruntime-web"];
const STARTS = 7;
const ROUNDS = 8;
const PICTURES = 40;
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-sync"];

if (!existsSync(join(root, "www/wasm/nearsight_bg.wasm"))) fail('www/wasm/nearsight_bg.wasm is missing; run "npm run build" first');
if (!existsSync(join(here, "node_modules/onnxruntime-web"))) await must("installing onnxruntime-web", "npm", ["ci", "--no-audit", "--no-fund"], { cwd: here });

const server = await serve({ "": join(here, "embed"), modules: join(here, "node_modules"), nearsight: join(root, "www/wasm"), model: join(root, "models") }, 0);
const address = `http://127.0.0.1:${server.address().port}`;

/** A new browser process with the engines loaded, one after the other. */
async function browse(engines, work) {
  const browser = await chromium.launch({ executablePath: process.env.NEARSIGHT_CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  try {
    const page = await browser.newPage();
    await page.goto(`${address}/page.html`);
    await page.evaluate(() => {
      globalThis.workers = {};
      globalThis.ask = (engine, message) => new Promise((resolve, reject) => {
        const worker = (globalThis.workers[engine] ??= new Worker("/worker.js", { type: "module" }));
        worker.onmessage = ({ data }) => data.error ? reject(new Error(`${engine}: ${data.error}`)) : resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`${engine}: ${message}`));
        worker.postMessage(message);
      });
    });
    const loaded = {};
    for (const engine of engines) loaded[engine] = await page.evaluate((engine) => globalThis.ask(engine, { engine }), engine);
    return await work(page, loaded, browser.version());
  } finally {
    await browser.close();
  }
}

const ready = Object.fromEntries(ENGINES.map((engine) => [engine, []]));
const took = Object.fromEntries(ENGINES.map((engine) => [engine, []]));
let cosine;
let version;
try {
  for (let start = 0; start < STARTS; start++) {
    for (const engine of ENGINES) ready[engine].push(await browse([engine], (_, loaded) => loaded[engine].ready_ms));
  }
  await browse(ENGINES, async (page, loaded, chrome) => {
    version = chrome;
    const [a, b] = ENGINES.map((engine) => loaded[engine].vector);
    cosine = a.reduce((sum, value, at) => sum + value * b[at], 0);
    for (let round = 0; round < ROUNDS; round++) {
      for (let place = 0; place < ENGINES.length; place++) {
        const engine = ENGINES[(place + round) % ENGINES.length];
        const answer = await page.evaluate(([engine, times]) => globalThis.ask(engine, { times }), [engine, PICTURES]);
        // The first rounds run in code that the browser has not optimised yet.
        if (round >= 2) took[engine].push(...answer.took);
      }
    }
  });
} finally {
  server.close();
}

const results = ENGINES.map((engine) => ({
  engine,
  ready_ms: quantile(ready[engine], 0.5),
  ready_least_ms: Math.min(...ready[engine]),
  embed_ms: quantile(took[engine], 0.5),
  embed_least_ms: Math.min(...took[engine]),
}));
const ratio = results[0].embed_ms / results[1].embed_ms;
writeFileSync(join(here, "embed.json"), `${JSON.stringify({ chromium: version, results, ratio, cosine }, null, 2)}\n`);
for (const { engine, ready_ms, ready_least_ms, embed_ms, embed_least_ms } of results) {
  console.log(`${engine.padEnd(16)} ready ${ready_ms.toFixed(0)} ms (least ${ready_least_ms.toFixed(0)}), a picture ${embed_ms.toFixed(1)} ms (least ${embed_least_ms.toFixed(1)})`);
}
console.log(`nearsight / onnxruntime-web: ${ratio.toFixed(2)} of the time a picture; cosine of the vectors ${cosine.toFixed(7)}`);
say("bench/embed.json is written");
