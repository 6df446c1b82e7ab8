// www/client, www/wasm → dist (the npm package); www/demo → www/dist (the page that `serve` shows).
//
// The page imports the package by its public door and nothing else. Its assets carry the hash of their
// content, so a server may let browsers keep them for ever.
//   --page   the page, and of the package no more than it imports: one module instead of four, for whoever only wants to look. The module that
//            runs any model comes along if it is there already; `nearsight build` refuses to make a site that would need it and lacks it
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const wasm = join(root, "www/wasm/nearsight_bg.wasm");
/** The modules beside it, and what they are called in the package. */
const anyModel = { wasm: join(root, "www/wasm/any-model/nearsight_bg.wasm"), name: "nearsight_any_model_bg.wasm" };
const vectors = { wasm: join(root, "www/wasm/vectors/nearsight_bg.wasm"), name: "nearsight_vectors_bg.wasm" };
const builder = { wasm: join(root, "www/wasm/build/nearsight_bg.wasm"), name: "nearsight_build_bg.wasm" };
const dist = join(root, "dist");
const page = join(root, "www/dist");
const pageOnly = process.argv.includes("--page");
/** The page takes it along if it is there already, made of the same sources. */
const hasAnyModel = !pageOnly || (existsSync(anyModel.wasm) && stamp(wasm) === stamp(anyModel.wasm));

for (const path of pageOnly ? [wasm] : [wasm, anyModel.wasm, vectors.wasm, builder.wasm]) {
  if (existsSync(path)) continue;
  console.error(`${path} is missing; run "node scripts/build-wasm.mjs" first.`);
  process.exit(1);
}

const common = {
  bundle: true,
  format: "esm",
  platform: "browser",
  // What has WebAssembly SIMD in workers has all of this.
  target: ["chrome94", "firefox114", "safari16.4"],
  define: defines(wasm, true),
  plugins: hasAnyModel ? [] : [withoutAnyModel()],
  logLevel: "warning",
  absWorkingDir: root,
};

function defines(module, pictures) {
  return {
    NEARSIGHT_WASM_BYTES: String(statSync(module).size),
    NEARSIGHT_ANY_MODEL_WASM_BYTES: String(pictures && hasAnyModel ? statSync(anyModel.wasm).size : 0),
    NEARSIGHT_PICTURES: String(pictures),
  };
}

/** What build-wasm.mjs noted of the sources of a module. */
function stamp(module) {
  const path = join(module, "../inputs");
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** A worker that knows the one module only. */
function withoutAnyModel() {
  return {
    name: "without any-model",
    setup: (bundler) => {
      bundler.onResolve({ filter: /\/wasm\/any-model\/nearsight\.js$/ }, () => ({ path: "none", namespace: "none" }));
      bundler.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "export {};" }));
    },
  };
}

/** A worker with another module than the one its code names. */
function withGlue(path) {
  return {
    name: "glue",
    setup: (bundler) => bundler.onResolve({ filter: /\/wasm\/nearsight\.js$/ }, () => ({ path: join(root, path) })),
  };
}

/** The package's own files under other names: a page that imports `nearsight/vectors` starts the worker of that name. */
const vectorsNames = {
  name: "names",
  setup: (bundler) => bundler.onLoad({ filter: /client[\\/]assets\.ts$/ }, ({ path }) => ({
    contents: readFileSync(path, "utf8").replaceAll('"./worker.js"', '"./vectors-worker.js"').replaceAll(/"\.\/nearsight(_any_model)?_bg\.wasm"/g, JSON.stringify(`./${vectors.name}`)),
    loader: "ts",
  })),
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await buildCore();
if (!pageOnly) await buildRest();
await buildPage();

/** What the page imports. */
async function buildCore() {
  await Promise.all([
    build({ ...common, entryPoints: ["www/client/index.ts"], outfile: join(dist, "index.js") }),
    // Bundlers copy the worker as it is, so it is made small here.
    build({ ...common, entryPoints: ["www/client/worker.ts"], outfile: join(dist, "worker.js"), minify: true }),
  ]);
  copyFileSync(wasm, join(dist, "nearsight_bg.wasm"));
  if (hasAnyModel) copyFileSync(anyModel.wasm, join(dist, anyModel.name));
}

/** The package's other doors, their modules, and the types. */
async function buildRest() {
  await Promise.all([
    build({ ...common, entryPoints: ["www/client/vectors.ts"], outfile: join(dist, "vectors.js"), plugins: [vectorsNames] }),
    build({
      ...common, entryPoints: ["www/client/worker.ts"], outfile: join(dist, "vectors-worker.js"), minify: true,
      define: defines(vectors.wasm, false), plugins: [withGlue("www/client/without-pictures.ts"), withoutAnyModel()],
    }),
    build({
      ...common, entryPoints: ["www/client/build-worker.ts"], outfile: join(dist, "build-worker.js"), minify: true,
      define: defines(builder.wasm, false),
    }),
    build({ ...common, entryPoints: ["www/client/vite.ts"], outfile: join(dist, "vite.js"), platform: "node", target: "node20" }),
  ]);
  for (const { wasm, name } of [vectors, builder]) copyFileSync(wasm, join(dist, name));
  const types = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "www/client/tsconfig.json"], { cwd: root, stdio: "inherit" });
  if (types.status !== 0) process.exit(1);
}

async function buildPage() {
  rmSync(page, { recursive: true, force: true });
  mkdirSync(join(page, "assets"), { recursive: true });
  const worker = hashed(join(dist, "worker.js"));
  const module = hashed(join(dist, "nearsight_bg.wasm"));
  const larger = hasAnyModel ? hashed(join(dist, anyModel.name)) : null;
  // For `nearsight build`, which leaves out of a site the one that its model does not need.
  writeFileSync(join(page, ".modules.json"), `${JSON.stringify({ plain: `assets/${module}`, any_model: larger && `assets/${larger}` })}\n`);

  // What a bundler does with the package's `new URL(…, import.meta.url)`.
  const assets = {
    name: "assets",
    setup(bundler) {
      bundler.onResolve({ filter: /^nearsight$/ }, () => ({ path: join(dist, "index.js") }));
      bundler.onLoad({ filter: /dist[\\/]index\.js$/ }, ({ path }) => {
        const contents = readFileSync(path, "utf8")
          .replaceAll('"./worker.js"', JSON.stringify(`./${worker}`))
          .replaceAll('"./nearsight_bg.wasm"', JSON.stringify(`./${module}`))
          .replaceAll(`"./${anyModel.name}"`, JSON.stringify(`./${larger ?? anyModel.name}`));
        return { contents, loader: "js" };
      });
    },
  };
  const bundled = await build({
    ...common,
    entryPoints: ["www/demo/page.ts", "www/demo/page.css"],
    outdir: join(page, "assets"),
    entryNames: "[name]-[hash]",
    minify: true,
    metafile: true,
    plugins: [assets],
  });
  const made = Object.keys(bundled.metafile.outputs).map((path) => basename(path));
  const named = (extension) => `assets/${made.find((name) => name.endsWith(extension))}`;
  const html = readFileSync(join(root, "www/demo/index.html"), "utf8")
    .replace("page.css", named(".css"))
    .replace("page.ts", named(".js"))
    .replace("icon.svg", `assets/${hashed(join(root, "www/demo/icon.svg"))}`);
  writeFileSync(join(page, "index.html"), html);
}

/** Copies a file into the page's assets under a name with its hash; gives that name. */
function hashed(path) {
  const hash = createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 8).toUpperCase();
  const name = `${basename(path, extname(path))}-${hash}${extname(path)}`;
  copyFileSync(path, join(page, "assets", name));
  return name;
}
