// What a visitor waits for: a cold page up to its first result, then decode, embed and search, in Chromium.
//   node benches/browser.mjs DIST [wasm file to use instead]
// DIST is a folder that `nearsight build --page www/dist` made. Prints medians of milliseconds, and the module's size.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { chromium } from "@playwright/test";

const root = fileURLToPath(new URL("..", import.meta.url));
const [dist, wasm = join(root, "www/wasm/nearsight_bg.wasm")] = process.argv.slice(2);
if (dist === undefined) throw new Error("usage: node benches/browser.mjs DIST [module.wasm]");
const COLD_STARTS = 7;
const SEARCHES = 40;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const module = readFileSync(wasm);
const brotli = brotliCompressSync(module, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } });
console.log(`module: ${module.length} bytes, gzip ${gzipSync(module, { level: 9 }).length}, brotli ${brotli.length}`);

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const tool = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/nearsight");
const server = spawn(tool, ["serve", dist, "--port", String(port)], { stdio: "ignore" });
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.NEARSIGHT_CHROMIUM ?? "/usr/bin/chromium", args });
try {
  const url = `http://127.0.0.1:${port}/`;
  while (!(await fetch(`${url}v1/health`).catch(() => ({ ok: false }))).ok) await new Promise((resolve) => setTimeout(resolve, 50));
  const cold = [];
  const ready = [];
  let warm = [];
  for (let start = 0; start < COLD_STARTS; start++) {
    // A context of its own has an empty cache.
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route("**/*.wasm", (route) => (wasm === process.argv[3] ? route.fulfill({ path: wasm, contentType: "application/wasm" }) : route.continue()));
    const started = performance.now();
    await page.goto(url);
    await page.locator(".sample").first().waitFor();
    ready.push(performance.now() - started);
    await page.locator(".sample").first().click();
    await page.locator("#grid .score").first().waitFor();
    cold.push(performance.now() - started);
    if (start === COLD_STARTS - 1) {
      for (let search = 0; search < SEARCHES; search++) {
        await page.locator(".sample").nth(search % 8).click();
        await page.waitForFunction(() => / ms, /.test(document.querySelector("#status-text").textContent) && document.querySelector(".waiting") === null);
        warm.push(await page.locator("#facts dd").evaluateAll((facts) => facts.slice(0, 3).map((fact) => Number.parseFloat(fact.textContent))));
      }
    }
    await context.close();
  }
  console.log(`cold page to samples: ${median(ready).toFixed(0)} ms; to first result: ${median(cold).toFixed(0)} ms (least ${Math.min(...cold).toFixed(0)})`);
  for (const [at, step] of ["decode", "embed", "search"].entries()) {
    const values = warm.map((row) => row[at]);
    console.log(`${step}: median ${median(values)} ms, least ${Math.min(...values)} ms`);
  }
} finally {
  await browser.close();
  server.kill();
}
