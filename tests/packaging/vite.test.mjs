// The packed tarball in a fresh Vite project: its dev server and its build, each opened in Chromium.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const root = fileURLToPath(new URL("../..", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "nearsight-vite-"));
const PICTURES = 24;
let browser;

function run(program, args, options = {}) {
  return execFileSync(program, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });
}

before(async () => {
  cpSync(join(root, "tests/packaging/vite"), project, { recursive: true });
  const tarball = run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", project], { cwd: root }).trim();
  run("npm", ["install", "--silent", "--no-audit", "--no-fund", join(project, tarball)]);

  // A small index of some of the gallery's pictures, made by the real command line.
  const gallery = join(root, "www/gallery");
  const photos = join(project, "photos");
  const pictures = readdirSync(gallery, { recursive: true, encoding: "utf8" }).filter((name) => /\.(jpe?g|png|webp|gif)$/i.test(name)).sort();
  for (const name of pictures.slice(0, PICTURES)) cpSync(join(gallery, name), join(photos, name), { recursive: true });
  const tool = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/nearsight");
  run(tool, ["build", photos, "-o", join(project, "public/search"), "--no-page", "--quiet"]);

  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: process.env.NEARSIGHT_CHROMIUM ?? "/usr/bin/chromium", args });
});

after(async () => {
  await browser?.close();
  rmSync(project, { recursive: true, force: true });
});

/** Runs one of Vite's servers, opens its page and gives what that says. */
async function open(args, check) {
  const vite = spawn(process.execPath, [join(project, "node_modules/vite/bin/vite.js"), ...args], { cwd: project, stdio: ["ignore", "pipe", "pipe"] });
  try {
    const address = await new Promise((resolve, reject) => {
      let said = "";
      const hear = (piece) => {
        said += String(piece).replaceAll(/\u001b\[[0-9;]*m/g, "");
        const found = /http:\/\/(localhost|127\.0\.0\.1):\d+\//.exec(said);
        if (found) resolve(found[0]);
      };
      vite.stdout.on("data", hear);
      vite.stderr.on("data", hear);
      vite.once("exit", (status) => reject(new Error(`vite ended with ${status}: ${said}`)));
    });
    const page = await browser.newPage();
    const errors = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    const modules = [];
    page.on("request", (request) => /\.wasm(\?|$)/.test(request.url()) && modules.push(request.url().replace(/.*\/(\w+).*/, "$1")));
    await page.goto(address);
    await page.waitForFunction(() => document.body.textContent.startsWith("{"), undefined, { timeout: 60_000 });
    const said = JSON.parse(await page.evaluate(() => document.body.textContent));
    await page.close();
    check(said, errors, modules);
  } finally {
    vite.kill();
  }
}

function found(said, errors, modules) {
  assert.equal(said.error, undefined);
  assert.equal(said.found[0], said.asked);
  assert.equal(said.found.length, 3);
  assert.deepEqual(errors, []);
  assert.deepEqual(modules, ["nearsight_bg"], "the default model needs no other");
}

test("Vite's dev server serves the package without any setting", { timeout: 180_000 }, async () => {
  await open(["--host", "127.0.0.1", "--port", "0"], found);
});

test("Vite's build carries worker and module along", { timeout: 180_000 }, async () => {
  run(process.execPath, [join(project, "node_modules/vite/bin/vite.js"), "build"]);
  const assets = readdirSync(join(project, "dist/assets"));
  assert.ok(assets.some((name) => name.endsWith(".wasm")), `${assets}`);
  await open(["preview", "--host", "127.0.0.1", "--port", "0"], found);
});

test("the plugin works in Vite's dev server too", { timeout: 180_000 }, async () => {
  writeFileSync(join(project, "vite.config.js"), 'import { nearsight } from "nearsight/vite";\nexport default { plugins: [nearsight()] };\n');
  rmSync(join(project, "node_modules/.vite"), { recursive: true, force: true });
  assert.ok(existsSync(join(project, "vite.config.js")));
  await open(["--host", "127.0.0.1", "--port", "0"], found);
});
