// The module that a visitor downloads holds nothing of the server, the store or the command line.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

function crates(...args) {
  const text = execFileSync("cargo", ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", ...args], { cwd: root, encoding: "utf8" });
  return new Set(text.split("\n").filter(Boolean).map((line) => line.split(" ")[0]));
}

const WASM = ["--target", "wasm32-unknown-unknown"];
const wasm = crates(...WASM);
const plain = crates(...WASM, "--no-default-features", "--features", "embed");

/** What only makes sense beside a disk, a socket or a terminal. */
const NATIVE_ONLY = ["axum", "brotli", "clap", "csv", "hyper", "indicatif", "jpeg-encoder", "libsqlite3-sys", "mio", "rayon", "rusqlite", "tokio", "tower", "tower-http", "tracing", "tracing-subscriber", "ts-rs"];

test("no crate of the server, the store or the command line reaches the module", () => {
  const native = crates("--target", "x86_64-unknown-linux-gnu");
  assert.deepEqual(NATIVE_ONLY.filter((name) => !native.has(name)), [], "the native tool uses them all");
  assert.deepEqual(NATIVE_ONLY.filter((name) => wasm.has(name)), []);
});

test("the module for vectors has neither embedder nor picture decoders", () => {
  const pictures = ["prost", "jpeg-decoder", "png", "gif", "image-webp", "fast_image_resize", "kamadak-exif"];
  const bare = crates(...WASM, "--no-default-features", "--features", "builder");
  assert.deepEqual(pictures.filter((name) => !plain.has(name)), [], "the module for pictures has them all");
  assert.deepEqual(pictures.filter((name) => bare.has(name)), []);
});

test("the module that most pages load has nothing of tract", () => {
  const tract = (names) => [...names].filter((name) => name.startsWith("tract-"));
  assert.ok(tract(wasm).length > 3, "the larger module has it");
  assert.deepEqual(tract(plain), []);
});

test("nearsight itself takes nothing into the module that its manifest keeps for the machine", () => {
  const { packages } = JSON.parse(execFileSync("cargo", ["metadata", "--offline", "--format-version", "1", "--no-deps"], { cwd: root, encoding: "utf8" }));
  const kept = packages[0].dependencies.filter(({ target, kind }) => target?.includes("not(target_arch") && kind === null).map(({ name }) => name);
  assert.ok(kept.length > 10);
  // Of these tract uses some itself (anyhow, flate2, walkdir); nearsight must not.
  const direct = crates(...WASM, "--depth", "1");
  assert.deepEqual(kept.filter((name) => direct.has(name)), []);
});
