// Parameters → everything that a run needs: vectors, nearsight's module and index, the peers' module and package.
// What is there and still of the same making is left alone; all of it lies in bench/cache, which git ignores.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as bundle } from "esbuild";
import { must, root } from "../scripts/step.mjs";

export const here = join(root, "bench");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const TRIPLE = "wasm32-unknown-unknown";
/** As scripts/build-wasm.mjs does with the package's module. */
const WASM_OPT = [
  "-O2", "--shrink-level=1", "--strip-debug", "--strip-producers",
  "--enable-simd", "--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext",
  "--enable-mutable-globals", "--enable-reference-types", "--enable-multivalue",
];

/** A run's folder: everything in it is of the same vectors. */
export function place({ rows, dimension, queries, seed }) {
  return join(here, "cache", `${rows}x${dimension}-${queries}-seed${seed}`);
}

export async function prepare(parameters) {
  const { rows, dimension, queries, seed, systems, native } = parameters;
  const folder = place(parameters);
  mkdirSync(join(folder, "profile"), { recursive: true });
  const base = join(folder, "vectors.base.f32");
  if (!whole(base, rows * dimension * 4) || !whole(join(folder, "vectors.query.f32"), queries * dimension * 4)) {
    await must("drawing vectors", "cargo", [
      "run", "--quiet", "--release", "--example", "vectors", "--", "--rows", rows, "--dimension", dimension,
      "--queries", queries, "--seed", seed, "--out", join(folder, "vectors"),
    ].map(String));
  }
  await peers();
  if (systems.includes("hnswlib-wasm") && !existsSync(join(here, "node_modules/hnswlib-wasm"))) {
    await must("installing the peers", "npm", ["ci", "--no-audit", "--no-fund"], { cwd: here });
  }
  if (!systems.includes("nearsight")) {
    await workers(systems);
    return { folder, index: join(folder, "no-index"), native_build_s: null };
  }
  await ownModule("nearsight", "compiling nearsight's module, without embedder", []);
  await ownModule("nearsight-build", "compiling nearsight's module that builds", ["--features", "builder"]);
  await workers(systems);
  if (native === undefined) await must("compiling nearsight", "cargo", ["build", "--quiet", "--release", "--bin", "nearsight"]);
  return { folder, ...await index(parameters, folder, native ?? join(target, "release/nearsight")) };
}

/** Each system with what it imports → one worker script, as sites ship them. */
async function workers(systems) {
  const web = join(here, "web");
  const folders = { nearsight: join(here, "cache/nearsight"), peers: join(here, "cache/peers") };
  const places = {
    name: "places",
    setup(bundler) {
      bundler.onResolve({ filter: /^\/(nearsight|peers)\// }, ({ path }) => {
        const [, first, file] = path.split("/");
        return { path: join(folders[first], file) };
      });
      // The one finds its own files only where it lies; the other is not needed for opening.
      bundler.onResolve({ filter: /^\/(modules|nearsight-build)\// }, ({ path }) => ({ path, external: true }));
    },
  };
  for (const system of systems) {
    await bundle({
      stdin: { contents: `import * as system from "./systems/${system}.js"; import { run } from "./worker.js"; run(system);`, resolveDir: web },
      outfile: join(here, "cache/workers", `${system}.js`),
      bundle: true, format: "esm", platform: "browser", minify: true, plugins: [places], logLevel: "warning",
    });
  }
}

/** nearsight's own index. Another program may write another format or find other cells, so it makes its own. */
async function index({ dimension }, folder, tool) {
  const name = `index-${hash(tool)}`;
  const path = join(folder, name);
  const note = join(folder, `${name}.json`);
  if (!existsSync(note)) {
    for (const old of readdirSync(folder).filter((entry) => entry.startsWith("index-"))) rmSync(join(folder, old), { recursive: true });
    const { output } = await must("building nearsight's index", tool, [
      "build", "--vectors", join(folder, "vectors.base.f32"), "--dimension", String(dimension), "-o", path, "--json", "--quiet",
    ], { quiet: true });
    writeFileSync(note, output);
  }
  return { index: path, native_build_s: JSON.parse(readFileSync(note, "utf8")).took_ms / 1e3 };
}

async function ownModule(name, words, features) {
  await must(words, "cargo", [
    "rustc", "--quiet", "--profile", "wasm", "--lib", "--crate-type", "cdylib", "--target", TRIPLE, "--no-default-features", ...features,
  ]);
  await module(name, join(target, TRIPLE, "wasm/nearsight.wasm"), "nearsight");
}

async function peers() {
  const own = join(here, "peers/target");
  await must("compiling the peers' module", "cargo", [
    "build", "--quiet", "--release", "--locked", "--target", TRIPLE, "--manifest-path", join(here, "peers/Cargo.toml"), "--target-dir", own,
  ]);
  await module("peers", join(own, TRIPLE, "release/nearsight_bench_peers.wasm"));
}

/** What cargo made → cache/NAME: glue of the name `called` by wasm-bindgen, then wasm-opt with the flags of the package's own module. */
async function module(name, made, called = name) {
  const out = join(here, "cache", name);
  const stamp = join(out, "made-of");
  const now = hash(made);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return;
  await must(`making the glue of ${name}`, "wasm-bindgen", ["--target", "web", "--omit-default-module-path", "--out-name", called, "--out-dir", out, made]);
  const file = join(out, `${called}_bg.wasm`);
  await must(`optimising the module of ${name}`, process.execPath, ["--stack-size=8000", join(root, "node_modules/binaryen/bin/wasm-opt"), ...WASM_OPT, file, "-o", file]);
  writeFileSync(stamp, now);
}

function hash(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
}

function whole(file, bytes) {
  return existsSync(file) && statSync(file).size === bytes;
}
