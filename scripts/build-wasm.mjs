// The Rust library → www/wasm: nearsight_bg.wasm, its glue, and its types. Nothing is done when the inputs are unchanged.
//   --no-opt   leaves wasm-opt out: a larger, somewhat slower module, minutes sooner, for trying things out
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { must, root, say } from "./step.mjs";

const out = join(root, "www/wasm");
const module = join(out, "nearsight_bg.wasm");
const stamp = join(out, "inputs");
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
const held = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
if (held === now && existsSync(module)) {
  say("the wasm module is up to date");
} else {
  mkdirSync(out, { recursive: true });
  await must("compiling the wasm module", "cargo", [
    "rustc", "--quiet", "--profile", "wasm", "--lib", "--crate-type", "cdylib", "--target", "wasm32-unknown-unknown",
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
  say(`www/wasm/nearsight_bg.wasm: ${(statSync(module).size / 1e6).toFixed(2)} MB`);
}
