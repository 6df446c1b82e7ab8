// The page and the package against the real server, in Chromium.
//   npx playwright test --config tests/browser/playwright.config.ts [FILE]
// Needs what `npm run build` makes. NEARSIGHT_CHROMIUM names another browser.

import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "results/traces",
  globalSetup: "./setup.ts",
  // One browser at a time: the tests measure time and memory.
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 900 },
    launchOptions: {
      executablePath: process.env["NEARSIGHT_CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
