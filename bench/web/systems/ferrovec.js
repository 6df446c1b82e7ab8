// ferrovec 0.4.0, built with simd128. Its class has no setter for ef_search, so each setting is written into the header
// of the saved index, which is then opened again: slow, and not part of any measured time but the first opening.
import init, { FerrovecCore } from "/peers/peers.js";
import { baseRows, load, save } from "../storage.js";

const FILE = "ferrovec.bin";
const M = 16;
const EF_CONSTRUCTION = 200;
/** Behind "FVEC" and a version of four bytes: dimension, M, efConstruction and ef_search, as varints. */
const HEADER_BYTES = 8;
const EF_PLACE = 3;

let module;
let index;

export const settings = [10, 16, 24, 32, 48, 64, 128];

export async function build({ dimension, rows }) {
  await init({ module_or_path: "/peers/peers_bg.wasm" });
  const values = await baseRows();
  const began = performance.now();
  const made = FerrovecCore.withConfig(dimension, M, EF_CONSTRUCTION, settings[0], "dot", 1);
  for (let row = 0; row < rows; row++) {
    made.insert(String(row), values.subarray(row * dimension, (row + 1) * dimension));
  }
  const build_s = (performance.now() - began) / 1e3;
  return { build_s, bytes: await save(FILE, [made.toBytes()]) };
}

export async function open(_context, lap) {
  module = await init({ module_or_path: "/peers/peers_bg.wasm" });
  lap("code");
  const bytes = await load(FILE);
  lap("read");
  index = FerrovecCore.fromBytes(bytes);
  return { bytes: bytes.length };
}

let present = settings[0];

export async function use(ef) {
  if (ef === present) return;
  const bytes = await load(FILE);
  index.free();
  index = FerrovecCore.fromBytes(withEf(bytes, ef));
  present = ef;
}

function withEf(bytes, ef) {
  let start = HEADER_BYTES;
  for (let place = 0; place < EF_PLACE; place++) start = end(bytes, start);
  const varint = ef < 128 ? [ef] : [ef & 127 | 128, ef >> 7];
  const rest = bytes.subarray(end(bytes, start));
  const changed = new Uint8Array(start + varint.length + rest.length);
  changed.set(bytes.subarray(0, start));
  changed.set(varint, start);
  changed.set(rest, start + varint.length);
  return changed;
}

function end(bytes, at) {
  while (bytes[at] > 127) at++;
  return at + 1;
}

export function nearest(query, rows) {
  const hits = index.search(query, rows.length);
  for (let place = 0; place < hits.length; place++) rows[place] = Number(hits[place].id);
}

export function memory() {
  return module.memory.buffer.byteLength;
}
