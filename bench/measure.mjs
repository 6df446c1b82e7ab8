// A prepared folder → measurements, in Chromium: build and save, search in rounds, open in new processes.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { say } from "../scripts/step.mjs";
import { here } from "./prepare.mjs";
import { serve } from "./site.mjs";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
/** New processes for each system's opening; the median counts. */
const OPENINGS = 5;
const TRUTH = "exact";

/** `index` is the folder of nearsight's index, `folder` that of everything else of these vectors. */
export async function measure(parameters, { folder, index }) {
  const server = await serve({
    "": join(here, "web"),
    modules: join(here, "node_modules"),
    peers: join(here, "cache/peers"),
    nearsight: join(here, "cache/nearsight"),
    "nearsight-build": join(here, "cache/nearsight-build"),
    workers: join(here, "cache/workers"),
    index,
    data: folder,
  }, parameters.port);
  try {
    forgetCode(folder);
    const chrome = await builds(parameters, folder, index);
    const points = await rounds(parameters, folder);
    // Last: a saved index belongs to a second visit, for which the browser has the code, and what the first compiled of it.
    const openings = await opens(parameters, folder);
    return { chrome, built: readBuilt(folder), openings, points };
  } finally {
    server.close();
  }
}

/** The code that the profile holds may be of another making: nothing that is served says when it changes. */
function forgetCode(folder) {
  for (const cache of ["Cache", "Code Cache"]) rmSync(join(folder, "profile/Default", cache), { recursive: true, force: true });
}

/** A browser process with the profile in which the indexes are saved. */
async function browse({ port }, folder, work) {
  const context = await chromium.launchPersistentContext(join(folder, "profile"), {
    executablePath: process.env.NEARSIGHT_CHROMIUM ?? "/usr/bin/chromium",
    args: ARGUMENTS,
    headless: true,
  });
  try {
    const page = context.pages()[0] ?? await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") console.error(`browser: ${message.text()}`);
    });
    page.setDefaultTimeout(0);
    await page.goto(`http://127.0.0.1:${port}/page.html`);
    await page.waitForFunction(() => globalThis.bench !== undefined);
    if (!await page.evaluate(() => globalThis.bench.isolated())) throw new Error("the page is not cross-origin isolated; the clock would be coarse");
    return await work(page, context.browser()?.version() ?? "");
  } finally {
    await context.close();
  }
}

const builtFile = (folder) => join(folder, "built.json");
const readBuilt = (folder) => existsSync(builtFile(folder)) ? JSON.parse(readFileSync(builtFile(folder), "utf8")) : {};

/** Of what a saved index was made: when it differs, it is made again. */
function making(system, index) {
  const hash = createHash("sha256").update(readFileSync(join(here, "web/systems", `${system}.js`)));
  if (system === "nearsight") {
    hash.update(readFileSync(join(index, "manifest.json")));
    hash.update(readFileSync(join(here, "cache/nearsight-build/nearsight_bg.wasm")));
  }
  return hash.digest("hex").slice(0, 16);
}

async function builds(parameters, folder, index) {
  const built = readBuilt(folder);
  const wanted = parameters.systems.filter((system) => built[system]?.making !== making(system, index));
  return browse(parameters, folder, async (page, version) => {
    for (const system of wanted) {
      say(`building and saving the index of ${system}`);
      const result = await page.evaluate(([system, context]) => globalThis.bench.build(system, context), [system, context(parameters)]);
      built[system] = { ...result, making: making(system, index) };
      writeFileSync(builtFile(folder), `${JSON.stringify(built, null, 2)}\n`);
    }
    return version;
  });
}

function context({ rows, dimension, k }, bytes) {
  return { rows, dimension, k, bytes };
}

function firstQuery({ dimension }, folder) {
  const bytes = readFileSync(join(folder, "vectors.query.f32")).subarray(0, dimension * 4);
  return [...new Float32Array(new Uint8Array(bytes).buffer)];
}

const open = (page, parameters, folder, system) => page.evaluate(
  ([system, context, query]) => globalThis.bench.open(system, context, query),
  [system, context(parameters, readBuilt(folder)[system].bytes), firstQuery(parameters, folder)],
);

async function opens(parameters, folder) {
  const openings = Object.fromEntries(parameters.systems.map((system) => [system, []]));
  for (let round = 0; round < OPENINGS; round++) {
    for (const system of parameters.systems) {
      openings[system].push(await browse(parameters, folder, async (page) => {
        const opened = await open(page, parameters, folder, system);
        return { ...opened, ...await page.evaluate((system) => globalThis.bench.complete(system), system) };
      }));
    }
  }
  return openings;
}

/** One browser, one worker a system, one at work at a time; each round begins with another system. */
function rounds(parameters, folder) {
  return browse(parameters, folder, async (page) => {
    const opened = {};
    for (const system of parameters.systems) {
      opened[system] = await open(page, parameters, folder, system);
      await page.evaluate((system) => globalThis.bench.complete(system), system);
    }
    const points = new Map();
    for (let round = 0; round < parameters.rounds; round++) {
      say(`round ${round + 1} of ${parameters.rounds}`);
      for (let place = 0; place < parameters.systems.length; place++) {
        const system = parameters.systems[(place + round) % parameters.systems.length];
        for (const setting of opened[system].settings) {
          const { times, found } = await page.evaluate(([system, setting]) => globalThis.bench.measure(system, setting), [system, setting]);
          const key = `${system} ${setting}`;
          const before = points.get(key);
          const best = before ? before.times.map((time, query) => Math.min(time, times[query])) : times;
          const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
          points.set(key, { system, setting, via: opened[system].via, times: best, mean_us: Math.min(mean, before?.mean_us ?? mean), found });
        }
      }
    }
    const truth = points.get(`${TRUTH} null`).found;
    return [...points.values()].map(({ found, ...point }) => ({ ...point, recall: recall(found, truth, parameters.k) }));
  });
}

/** Share of the true best that were found, over all queries. */
function recall(found, truth, k) {
  let right = 0;
  for (let start = 0; start < truth.length; start += k) {
    const best = new Set(truth.slice(start, start + k));
    // A place that was left empty is -1; one row found twice counts once.
    right += new Set(found.slice(start, start + k).filter((row) => best.has(row))).size;
  }
  return right / truth.length;
}
