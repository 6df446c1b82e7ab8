// What a bare machine lacks: the wasm target, the wasm-bindgen tool, the npm packages, and, for the
// tests, a browser. Rust and Node must be there. Whatever cannot be installed is said in one line.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fail, must, probe, root, run, say } from "./step.mjs";

/** The versions that must agree with Cargo.lock and package.json. */
function lockedVersion(crate) {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const found = lock.match(new RegExp(`name = "${crate}"\\nversion = "([^"]+)"`));
  if (!found) fail(`Cargo.lock names no ${crate}; restore the file from the repository.`);
  return found[1];
}

function rust() {
  const version = probe("cargo");
  if (!version) fail("Rust is missing: install it from https://rustup.rs (1.91 or newer), then run this again.");
  const [, major, minor] = version.match(/(\d+)\.(\d+)/) ?? [];
  if (Number(major) === 1 && Number(minor) < 91) {
    fail(`Rust is too old (${version}); nearsight needs 1.91 or newer: run "rustup update".`);
  }
}

async function wasmTarget() {
  const sysroot = probe("rustc", ["--print", "sysroot"]);
  if (sysroot && existsSync(join(sysroot, "lib/rustlib/wasm32-unknown-unknown"))) return;
  await must("adding Rust's wasm32 target", "rustup", ["target", "add", "wasm32-unknown-unknown"], {
    advice: "Without rustup, install the standard library for wasm32-unknown-unknown by your system's packages.",
  });
}

async function cargoTool(program, crate, version) {
  if (probe(program)?.includes(version)) return;
  say(`compiling ${crate} ${version} (once, a few minutes)`);
  const install = ["install", crate, "--version", version, "--quiet"];
  // As its makers locked it, if those versions can still be had; else with what its manifest allows.
  const locked = await run("cargo", [...install, "--locked"], { silent: true });
  if (locked.status === 0) return;
  const free = await run("cargo", install, { quiet: true });
  if (free.status !== 0) {
    fail(`${crate} ${version} could not be installed: see above. Is the crate registry reachable?`);
  }
}

async function packages() {
  const stamp = join(root, "node_modules/.package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  await must("installing npm packages", "npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    quiet: true,
    advice: "Is the npm registry reachable?",
  });
  // esbuild links its own binary in a script; it is the only package here that needs one.
  if (existsSync(join(root, "node_modules/esbuild/install.js"))) {
    await must("linking esbuild", "node", ["node_modules/esbuild/install.js"], { quiet: true });
  }
}

/** What compiling the tool needs. */
export function setUpRust() {
  rust();
}

/** What the wasm module and the page need beyond that. */
export async function setUpWeb() {
  await wasmTarget();
  await Promise.all([
    packages(),
    cargoTool("wasm-bindgen", "wasm-bindgen-cli", lockedVersion("wasm-bindgen")),
  ]);
}

/** The Chromium that the browser tests drive: the one named, or the system's. */
export function chromium() {
  const named = process.env.NEARSIGHT_CHROMIUM;
  const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return [named, ...known].find((path) => path && existsSync(path));
}

function chromedriver() {
  const known = [process.env.NEARSIGHT_CHROMEDRIVER, "/usr/bin/chromedriver", "/usr/lib/chromium-browser/chromedriver"];
  return known.find((path) => path && existsSync(path));
}

/** What the tests need beyond the build; gives the paths of the browser and its driver. */
export async function setUpTests() {
  if (!chromium() || !chromedriver()) {
    if (process.getuid?.() === 0 && probe("apt-get")) {
      await run("apt-get", ["update", "-qq"], { quiet: true });
      await must("installing Chromium and its driver", "apt-get", ["install", "-y", "-qq", "chromium", "chromium-driver"], {
        quiet: true,
        env: { DEBIAN_FRONTEND: "noninteractive" },
        advice: "Install Chromium and chromedriver by hand.",
      });
    }
  }
  if (!chromium()) fail("Chromium is missing: install it (Debian: apt-get install chromium chromium-driver), or name it in NEARSIGHT_CHROMIUM.");
  if (!chromedriver()) fail("chromedriver is missing: install it (Debian: apt-get install chromium-driver), or name it in NEARSIGHT_CHROMEDRIVER.");
  await cargoTool("wasm-pack", "wasm-pack", "0.15.1");
  return { chromium: chromium(), chromedriver: chromedriver() };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  setUpRust();
  await setUpWeb();
  if (process.argv.includes("--tests")) await setUpTests();
  say("everything is there.");
}
