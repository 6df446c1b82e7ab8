// nearsight: the module without embedder, and an index that `nearsight build --vectors` made. What is saved is one file:
// the length and text of a table of contents, then manifest, routing and segments.
import init, * as nearsight from "/nearsight/nearsight.js";
import { load, save } from "../storage.js";

const FILE = "nearsight.bin";
const MANIFEST = "manifest.json";

let module;
let index;
let ask;

/** The recall that is asked for. On few rows more is delivered, so the sweep begins low. */
export const settings = [0.05, 0.1, 0.2, 0.3, 0.5, 0.65, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995];

/** Which call answers, so that a report can say so. */
export let via = "";

/** The module has no way to build an index yet, so this one was built on the machine; see bench/README.md. */
export async function build() {
  const manifest = new Uint8Array(await (await fetch(`/index/${MANIFEST}`)).arrayBuffer());
  const { routing, segments } = JSON.parse(new TextDecoder().decode(manifest));
  const names = [routing, ...segments].map((file) => file.name);
  const parts = await Promise.all(names.map(async (name) => new Uint8Array(await (await fetch(`/index/${name}`)).arrayBuffer())));
  names.unshift(MANIFEST);
  parts.unshift(manifest);
  const contents = new TextEncoder().encode(JSON.stringify(names.map((name, number) => [name, parts[number].length])));
  await save(FILE, [new Uint8Array(new Uint32Array([contents.length]).buffer), contents, ...parts]);
  return { build_s: null, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

export async function open(_context, lap) {
  module = await init({ module_or_path: "/nearsight/nearsight_bg.wasm" });
  lap("code");
  const saved = await load(FILE);
  lap("read");
  const [length] = new Uint32Array(saved.buffer, 0, 1);
  let at = 4 + length;
  let bytes = 0;
  for (const [name, size] of JSON.parse(new TextDecoder().decode(saved.subarray(4, at)))) {
    const part = saved.subarray(at, at + size);
    if (name === MANIFEST) index = new nearsight.Index(part);
    else index.supply(name, part);
    at += size;
    bytes += size;
  }
  return { bytes };
}

/** Present when the module has the lean call: numbers out instead of objects. */
const LEAN_HEAD = 5;
let plan;
let options;

export function use(recall) {
  ask = typeof index.nearest === "function" ? lean : plain;
  via = ask.name;
  if (ask === lean) {
    plan?.free();
    plan = new nearsight.Plan({ k: 10, recall });
  } else {
    options = { k: 10, recall, minScore: null, exact: false, distinct: false, perOwner: null, tags: [], owner: null, private: true, without: [] };
  }
}

function lean(query, rows) {
  const answer = index.nearest(query, plan);
  const count = answer[LEAN_HEAD - 1];
  for (let place = 0; place < count; place++) rows[place] = answer[LEAN_HEAD + 2 * place];
}

function plain(query, rows) {
  const { hits } = index.search(query, options, undefined).answer;
  for (let place = 0; place < hits.length; place++) rows[place] = hits[place].id;
}

export function nearest(query, rows) {
  ask(query, rows);
}

export function memory() {
  return module.memory.buffer.byteLength;
}
