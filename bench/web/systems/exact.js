// The exact scan: every row, f32 with simd128. Its answers are the truth for the others.
import init, { Exact } from "/peers/peers.js";
import { load, save } from "../storage.js";

const FILE = "exact.f32";
let module;
let scan;
// Before the page has asked for anything.
const compiled = WebAssembly.compileStreaming(fetch("/peers/peers_bg.wasm"));

export const settings = [null];

/** There is nothing to build; the rows are saved as they are. */
export async function build() {
  const rows = await (await fetch("/data/vectors.base.f32")).arrayBuffer();
  return { build_s: 0, bytes: await save(FILE, [new Uint8Array(rows)]) };
}

export async function open({ dimension }, lap) {
  module = await init({ module_or_path: await compiled });
  lap("code");
  const rows = await load(FILE, (bytes) => {
    scan = new Exact(bytes / 4 / dimension, dimension);
    return new Uint8Array(module.memory.buffer, scan.pointer(), bytes);
  });
  lap("read");
  return { bytes: rows.length };
}

export function use() {}

export function nearest(query, rows) {
  rows.set(scan.nearest(query, rows.length));
}

export function memory() {
  return module.memory.buffer.byteLength;
}
