// The Rust library → four modules, each with its glue and types. Nothing is done for those whose inputs are unchanged.
//   www/wasm             pictures, embedded by a plain network such as the default model, and indexes: what most pages load
//   www/wasm/any-model   the same with tract, for every other network
//   www/wasm/vectors     indexes alone, for pages that bring vectors of their own
//   www/wasm/build       what makes an index of vectors
//   --no-opt             leaves wasm-opt out: larger, somewhat slower modules, minutes sooner, for trying things out
//   --only=vectors       one of them (pictures, any-model, vectors, build)
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { must, root, say } from "./step.mjs";

const MODULES = {
  vectors: { out: "www/wasm/vectors", features: ["--no-default-features"] },
  build: { out: "www/wasm/build", features: ["--no-default-features", "--features", "builder"] },
  pictures: { out: "www/wasm", features: ["--no-default-features", "--features", "embed"] },
  "any-model": { out: "www/wasm/any-model", features: [] },
};
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length);
const optimise = !process.argv.includes("--no-opt");

/** Rooms that are compiled for the machine only, never for the module. */
const NATIVE = ["src/cli", "src/server", "src/store", "src/main.rs"];

/** Binaryen's parser recurses deeper than Node's default stack on a module of this size. */
const STACK = "--stack-size=8000";

/** -O2 with the first shrink level: measured at a quarter off the bytes for a few per cent of speed. */
const WASM_OPT = [
  "-O2", "--shrink-level=1", "--strip-debug", "--strip-producers",
  "--enable-simd", "--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext",
  "--enable-mutable-globals", "--enable-reference-types", "--enable-multivalue",
];

function files(path) {
  if (NATIVE.includes(relative(root, path))) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => files(join(path, name)));
}

function inputs() {
  const hash = createHash("sha256").update(optimise ? "optimised" : "plain");
  const paths = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "scripts/build-wasm.mjs", "src"];
  for (const path of paths.flatMap((name) => files(join(root, name)))) {
    hash.update(`\0${relative(root, path)}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

const now = inputs();
for (const [name, { out, features }] of Object.entries(MODULES)) {
  if (only === undefined || only === name) await make(name, join(root, out), features);
}

async function make(name, out, features) {
  const module = join(out, "nearsight_bg.wasm");
  const stamp = join(out, "inputs");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now && existsSync(module)) return say(`the wasm module for ${name} is up to date`);
  mkdirSync(out, { recursive: true });
  await must(`compiling the wasm module for ${name}`, "cargo", [
    "rustc", "--quiet", "--profile", "wasm", "--lib", "--crate-type", "cdylib", "--target", "wasm32-unknown-unknown", ...features,
  ]);
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  await must("making its glue", "wasm-bindgen", [
    "--target", "web", "--omit-default-module-path", "--out-name", "nearsight", "--out-dir", out,
    join(target, "wasm32-unknown-unknown/wasm/nearsight.wasm"),
  ]);
  if (optimise) {
    await must("optimising it (a minute or two)", process.execPath, [
      STACK, join(root, "node_modules/binaryen/bin/wasm-opt"), ...WASM_OPT, module, "-o", module,
    ]);
  }
  writeFileSync(stamp, now);
  say(`${relative(root, module)}: ${(statSync(module).size / 1e6).toFixed(2)} MB`);
}
