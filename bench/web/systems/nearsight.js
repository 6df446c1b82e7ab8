// nearsight: the modules without embedder, one to build and one to search. What is saved is one file: the length and text of a
// table of contents, then manifest, routing and segments.
import init, * as nearsight from "/nearsight/nearsight.js";
import { baseRows, open as openFile, save } from "../storage.js";

const FILE = "nearsight.bin";
const MANIFEST = "manifest.json";

// Before the page has asked for anything.
const compiled = WebAssembly.compileStreaming(fetch("/nearsight/nearsight_bg.wasm"));

let module;
let index;
let file;
let isComplete = false;
/** Of each file of the index: where it lies in the saved one. */
let places;
let ask;

/** The recall that is asked for. On few rows more is delivered, so the sweep begins low. */
export const settings = [0.05, 0.1, 0.2, 0.3, 0.5, 0.65, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995];

/** Opening ends with a search as most pages make it. */
export const first = 0.95;

/** Which call answers the searches that are measured, so that a report can say so. The one of opening is a plain one. */
export const via = "lean";

/** Builds in one worker, as the others do, and refuses an index that is not byte for byte the one that was built on the machine. */
export async function build({ dimension }) {
  const builder = await import("/nearsight-build/nearsight.js");
  await builder.default({ module_or_path: "/nearsight-build/nearsight_bg.wasm" });
  const values = await baseRows();
  const began = performance.now();
  const built = builder.build_index(values, dimension, undefined, { cells: null, seed: 0, bits: 9 }, () => {});
  const names = built.names;
  const parts = names.map((name) => built.take(name));
  const build_s = (performance.now() - began) / 1e3;
  // Its names are hashes of all other files.
  const native = await (await fetch(`/index/${MANIFEST}`)).text();
  if (new TextDecoder().decode(parts[0]) !== native) throw new Error("the index built here is not the one that was built on the machine");
  const contents = new TextEncoder().encode(JSON.stringify(names.map((name, number) => [name, parts[number].length])));
  await save(FILE, [new Uint8Array(new Uint32Array([contents.length]).buffer), contents, ...parts]);
  return { build_s, build_memory_bytes: builder.memory_bytes(), bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

/** Reads what the first search asks for and no more; the rest comes in `complete`. */
export async function open(_context, lap) {
  file = await openFile(FILE);
  const [length] = new Uint32Array(file.read(0, 4).buffer);
  let at = 4 + length;
  let bytes = 0;
  places = new Map();
  for (const [name, size] of JSON.parse(new TextDecoder().decode(file.read(4, length)))) {
    places.set(name, { at, size });
    at += size;
    bytes += size;
  }
  lap("storage");
  module = await init({ module_or_path: await compiled });
  lap("code");
  index = new nearsight.Index(part(MANIFEST));
  for (const { name } of index.missing_routing()) index.supply(name, part(name));
  return { bytes };
}

/** All segments in memory, so that no search reads the file. */
export function complete() {
  for (const { name } of index.missing_vectors()) index.supply(name, part(name));
  file.close();
  isComplete = true;
}

function part(name, offset = 0, bytes = places.get(name).size) {
  return file.read(places.get(name).at + offset, bytes);
}

/** What a search lacks → from the file into the module, which checks it. */
function bring(need) {
  for (const { name, offset, bytes } of need) {
    if (offset === null) index.supply(name, part(name));
    else index.supply_range(name, offset, part(name, offset, bytes));
  }
}

/** Numbers before the first hit in what the lean call gives. */
const LEAN_HEAD = 5;
let plan;
let options;

export function use(recall) {
  // The lean call takes an index that is all here.
  ask = isComplete ? lean : plain;
  if (ask === lean) {
    plan?.free();
    plan = new nearsight.Plan({ k: 10, recall });
  }
  options = { k: 10, recall, minScore: null, exact: false, distinct: false, perOwner: null, tags: [], owner: null, private: true, without: [] };
}

function lean(query, rows) {
  const answer = index.nearest(query, plan);
  const count = answer[LEAN_HEAD - 1];
  for (let place = 0; place < count; place++) rows[place] = answer[LEAN_HEAD + 2 * place];
}

function plain(query, rows) {
  let reply;
  while ((reply = index.search(query, options, undefined)).answer === null) bring(reply.need);
  const { hits } = reply.answer;
  for (let place = 0; place < hits.length; place++) rows[place] = hits[place].id;
}

export function nearest(query, rows) {
  ask(query, rows);
}

export function memory() {
  return module.memory.buffer.byteLength;
}
