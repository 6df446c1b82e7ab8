// What `npm pack` would publish: all that the exports name, nothing else, within its budget of bytes.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
const files = packed.files.map(({ path }) => path);

test("everything that the exports name is in the package", () => {
  const named = Object.values(manifest.exports).flatMap((entry) => (typeof entry === "string" ? [entry] : Object.values(entry)));
  assert.ok(named.length >= 5);
  for (const path of named) assert.ok(files.includes(path.replace("./", "")), `${path} is missing`);
});

test("nothing but the built files, the licences and the readme is in the package", () => {
  const odd = files.filter((path) => !/^(dist\/[\w-]+\.(js|d\.ts|wasm)|package\.json|README\.md|LICENSE-(MIT|APACHE))$/.test(path));
  assert.deepEqual(odd, []);
});

test("the package needs no other package", () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.peerDependencies, undefined);
});

test("importing the package in Node touches nothing of a browser", async () => {
  const names = Object.keys(await import(join(root, "dist/index.js")));
  assert.deepEqual(names.sort(), ["CODES", "NearsightError", "buildIndex", "createImageSearch"]);
});

for (const [module, budget] of [["nearsight_bg", 400_000], ["nearsight_any_model_bg", 2_000_000], ["nearsight_vectors_bg", 200_000], ["nearsight_build_bg", 320_000]]) test(`${module}.wasm keeps to its budget: ${budget} bytes as brotli makes it`, () => {
  const wasm = readFileSync(join(root, `dist/${module}.wasm`));
  const bytes = brotliCompressSync(wasm, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
  assert.ok(bytes <= budget, `${bytes} bytes`);
});
