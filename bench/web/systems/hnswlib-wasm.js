// hnswlib-wasm 0.8.2. It is built for windows only and looks for one, so the worker's scope stands in for it.
// It saves through its own file system in IndexedDB, which keeps a second copy of the index in JavaScript.
import { baseRows } from "../storage.js";

globalThis.window = globalThis;

const FILE = "index";
const M = 16;
const EF_CONSTRUCTION = 200;
const SEED = 100;
/** Points handed over at once. */
const BATCH = 1000;

let library;
let index;
let bytes = 0;

export const settings = [10, 16, 24, 32, 48, 64, 128];

async function start(dimension) {
  const log = console.log;
  // It tells of every step.
  console.log = () => {};
  const package_ = await import("/modules/hnswlib-wasm/dist/hnswlib.js");
  await package_.__tla;
  library = await package_.loadHnswlib("IDBFS");
  console.log = log;
  index = new library.HierarchicalNSW("ip", dimension, "");
  return package_;
}

export async function build({ dimension, rows }) {
  const package_ = await start(dimension);
  const values = await baseRows();
  const began = performance.now();
  index.initIndex(rows, M, EF_CONSTRUCTION, SEED);
  for (let from = 0; from < rows; from += BATCH) {
    const labels = Array.from({ length: Math.min(BATCH, rows - from) }, (_, place) => from + place);
    index.addPoints(labels.map((row) => values.subarray(row * dimension, (row + 1) * dimension)), labels, false);
  }
  const build_s = (performance.now() - began) / 1e3;
  await index.writeIndex(FILE);
  await package_.syncFileSystem("write");
  return { build_s, bytes: await saved() };
}

export async function open({ dimension, rows, bytes: known }, lap) {
  const package_ = await start(dimension);
  lap("code");
  await package_.syncFileSystem("read");
  lap("read");
  await index.readIndex(FILE, rows);
  bytes = known;
  return { bytes };
}

export function use(ef) {
  index.setEfSearch(ef);
}

export function nearest(query, rows) {
  const { neighbors } = index.searchKnn(query, rows.length, undefined);
  for (let place = 0; place < neighbors.length; place++) rows[place] = neighbors[place];
}

export function memory() {
  return library.HEAPU8.buffer.byteLength + bytes;
}

/** Bytes of the one file that it keeps in IndexedDB. */
async function saved() {
  const request = (made) => new Promise((resolve, reject) => {
    made.onsuccess = () => resolve(made.result);
    made.onerror = () => reject(made.error);
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await request(indexedDB.open(name));
    try {
      if (!database.objectStoreNames.contains("FILE_DATA")) continue;
      const files = await request(database.transaction("FILE_DATA").objectStore("FILE_DATA").getAll());
      const contents = files.map((file) => file.contents?.length ?? 0);
      const length = Math.max(0, ...contents);
      if (length > 0) return length;
    } finally {
      database.close();
    }
  }
  throw new Error("hnswlib-wasm saved no file in IndexedDB");
}
