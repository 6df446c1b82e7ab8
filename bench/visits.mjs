// What a visitor fetches of an index that is not preloaded, from real servers by a real browser: `npm run bench:visits -- --index DIST --queries FILE.f32`.
//
// DIST is what `nearsight build --vectors` wrote, FILE.f32 raw little-endian rows that are not in it. Three servers give out the same files: `nearsight serve`, a plain
// file server that knows ranges (sirv), and one that does not (Python's http.server). First answers are each of a new visitor with an empty cache; later
// ones are one visitor's, who asks everything in turn; that visitor then leaves, comes back and asks the last of it once more. Counted by the browser: bytes of bodies, requests and their rounds after manifest and routing. A round ends when no
// request is on its way. `--delay MS` has everything that is sent take so long, there and back, as on a network: on one machine it costs nothing to ask often. Prints a table, and writes it with all figures to `--out`.
import { spawn } from "node:child_process";
import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { fail, must, root, say } from "../scripts/step.mjs";
import { here } from "./prepare.mjs";
import { quantile } from "./report.mjs";

const { values: given } = parseArgs({
  options: {
    index: { type: "string" },
    queries: { type: "string" },
    visitors: { type: "string", default: "60" },
    later: { type: "string", default: "200" },
    again: { type: "string", default: "40" },
    recall: { type: "string", default: "0.95" },
    delay: { type: "string", default: "0" },
    servers: { type: "string", default: "nearsight,ranges,plain" },
    native: { type: "string", default: join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/nearsight") },
    out: { type: "string", default: join(here, "visits") },
  },
});
if (!given.index || !given.queries) fail("say --index DIST, a folder that nearsight build --vectors wrote, and --queries FILE.f32");
const manifest = JSON.parse(readFileSync(join(given.index, "manifest.json"), "utf8"));
const rows = new Float32Array(readFileSync(given.queries).buffer);
const queries = Math.floor(rows.length / manifest.dimension);
const [visitors, later, again] = [Number(given.visitors), Number(given.later), Math.min(Number(given.again), Number(given.later))];
if (queries < visitors + later) fail(`${given.queries} holds ${queries} rows of ${manifest.dimension} numbers; ${visitors} visitors and ${later} later answers need ${visitors + later}`);
for (const [path, advice] of [[join(root, "dist/vectors.js"), 'run "npm run build" first'], [given.native, 'run "npm run build" first, or say --native FILE']]) {
  if (!existsSync(path)) fail(`${path} is missing; ${advice}`);
}
if (!existsSync(join(here, "node_modules/sirv-cli"))) await must("installing the plain file server", "npm", ["ci", "--no-audit", "--no-fund"], { cwd: here });

const site = join(here, "cache/visits");
lay(site);

const SERVERS = {
  nearsight: (port) => [given.native, ["serve", site, "--port", port]],
  ranges: (port) => [process.execPath, [join(here, "node_modules/sirv-cli/bin.js"), site, "--host", "127.0.0.1", "--port", port, "--dotfiles", "--quiet"]],
  plain: (port) => ["python3", ["-m", "http.server", port, "--bind", "127.0.0.1", "--directory", site]],
};
const NAMES = { nearsight: "nearsight serve", ranges: "plain, with ranges", plain: "plain, without ranges" };

const results = [];
const browser = await chromium.launch({ executablePath: process.env.NEARSIGHT_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
try {
  for (const server of given.servers.split(",")) {
    if (SERVERS[server] === undefined) fail(`there is no server ${server}: say some of ${Object.keys(SERVERS).join(", ")}`);
    say(`visits to ${NAMES[server]}`);
    const { url, stop } = await start(SERVERS[server]);
    try {
      const first = [];
      for (let visitor = 0; visitor < visitors; visitor++) first.push(...(await visit(url, [[visitor]]))[0]);
      const all = Array.from({ length: later + 1 }, (_, at) => visitors - 1 + at);
      const [before, back] = await visit(url, [all, all.slice(-again)]);
      results.push({ server, first: summary(first), later: summary(before.slice(1)), back: summary(back) });
    } finally {
      stop();
    }
  }
} finally {
  await browser.close();
}
const report = { date: new Date().toISOString().slice(0, 10), chromium: browser.version(), pictures: manifest.counts?.pictures ?? null, dimension: manifest.dimension, recall: Number(given.recall), delay_ms: Number(given.delay), visitors, later, again, results };
const table = [
  "| server | first answer: KB | requests | rounds | ms | later answers: KB | requests | rounds | ms | the same after coming back: KB | requests | rounds | ms |",
  `|${" --- |".repeat(13)}`,
  ...results.map(({ server, first, later, back }) => `| ${NAMES[server]} | ${[first, later, back].map(({ kb, requests, rounds, ms }) => [kb, requests, rounds, ms].map((one) => `${one.median} (${one.p90})`).join(" | ")).join(" | ")} |`),
].join("\n");
writeFileSync(`${given.out}.json`, `${JSON.stringify(report, null, 1)}\n`);
writeFileSync(`${given.out}.md`, `${table}\n`);
console.log(`\nMedian (nine of ten are below), recall ${given.recall}, ${given.delay} ms there and back:\n\n${table}`);

/** The index, the package and an empty page in one folder, as a site has them. */
function lay(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(given.index)) {
    const from = resolve(given.index, name);
    // The folder with the full vectors is nobody's business.
    if (name.startsWith(".") || !statSync(from).isFile()) continue;
    try {
      linkSync(from, join(folder, name));
    } catch {
      cpSync(from, join(folder, name));
    }
  }
  cpSync(join(root, "dist"), join(folder, "package"), { recursive: true });
  writeFileSync(join(folder, "blank.html"), "<!doctype html><title>A visit</title>");
}

async function start(command) {
  const port = String(await freePort());
  const [program, words] = command(port);
  const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (piece) => (said = (said + piece).slice(-2000)));
  const url = `http://127.0.0.1:${port}/`;
  for (let attempt = 0; !(await fetch(`${url}manifest.json`).catch(() => null))?.ok; attempt++) {
    if (child.exitCode !== null || attempt > 1200) fail(`${program} did not start: ${said}`);
    await new Promise((done) => setTimeout(done, 50));
  }
  if (Number(given.delay) === 0) return { url, stop: () => child.kill() };
  const far = await distant(port, Number(given.delay) / 2);
  return { url: `http://127.0.0.1:${far.address().port}/`, stop: () => child.kill() && far.close() };
}

/** A door to a port of this machine behind which everything takes so many milliseconds, one way. */
function distant(port, ms) {
  const carry = (from, to) => {
    from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), ms));
    from.on("end", () => setTimeout(() => to.end(), ms));
    from.on("error", () => to.destroy());
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    carry(near, far);
    carry(far, near);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** A new visitor comes as often as there are lists of queries, and asks those of a list in turn: of each answer bytes, rounds and milliseconds. */
async function visit(url, lists) {
  const context = await browser.newContext();
  try {
    const answers = [];
    for (const numbers of lists) answers.push(await ask(await context.newPage(), url, numbers));
    return answers;
  } finally {
    await context.close();
  }
}

async function ask(page, url, numbers) {
  // Requests on their way, and the rounds since somebody last looked.
  let [flying, rounds, requests, bytes] = [0, 0, 0, 0];
  const settled = [];
  page.on("request", () => {
    requests++;
    if (flying++ === 0) rounds++;
  });
  page.on("requestfinished", (request) => {
    flying--;
    settled.push(request.sizes().then(({ responseBodySize }) => (bytes += responseBodySize)));
  });
  page.on("requestfailed", () => flying--);
  try {
    await page.goto(`${url}blank.html`);
    await page.evaluate(async ({ address, index }) => {
      const { createImageSearch } = await import(address);
      globalThis.search = await createImageSearch({ index, preload: "routing" });
    }, { address: `${url}package/vectors.js`, index: url });
    // The browser tells of what opening fetched some time after it has come.
    await page.waitForTimeout(200);
    const answers = [];
    for (const number of numbers) {
      await Promise.all(settled);
      [rounds, requests, bytes] = [0, 0, 0];
      const query = [...rows.subarray(number * manifest.dimension, (number + 1) * manifest.dimension)];
      const answer = await page.evaluate(async ({ query, recall }) => {
        const began = performance.now();
        const { hits, stats } = await globalThis.search.search(new Float32Array(query), { k: 10, recall });
        return { ms: performance.now() - began, hits: hits.length, fetched: stats.bytesFetched };
      }, { query, recall: Number(given.recall) });
      if (answer.hits !== 10) fail(`query ${number} got ${answer.hits} hits of 10`);
      // The last events may come after the answer.
      await page.waitForTimeout(5);
      await Promise.all(settled);
      if (answer.fetched > 0 && bytes === 0) fail("the browser did not tell of the worker's requests, so nothing can be counted");
      answers.push({ kb: bytes / 1e3, told_kb: answer.fetched / 1e3, requests, rounds, ms: answer.ms });
    }
    return answers;
  } finally {
    await page.close();
  }
}

function summary(answers) {
  const of = (key) => {
    const values = answers.map((answer) => answer[key]);
    return { median: Number(quantile(values, 0.5).toFixed(1)), p90: Number(quantile(values, 0.9).toFixed(1)) };
  };
  return { kb: of("kb"), told_kb: of("told_kb"), requests: of("requests"), rounds: of("rounds"), ms: of("ms") };
}
