// The built site, a server for it, and a page whose console must stay empty.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test as base, type Page } from "@playwright/test";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const GALLERY = join(root, "www/gallery");
export const PAGE = join(root, "www/dist");
export const PACKAGE = join(root, "dist");
export const RESULTS = join(root, "tests/browser/results");
export const SITE = join(RESULTS, "site");
export const COARSE = join(RESULTS, "coarse");

const tool = join(process.env["CARGO_TARGET_DIR"] ?? join(root, "target"), "release/nearsight");

/** Runs the command line; gives what it printed, and fails with it. */
export function nearsight(...args: string[]): string {
  const result = spawnSync(tool, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`nearsight ${args.join(" ")} ended with ${result.status}: ${result.stderr}${result.error?.message ?? ""}`);
  return result.stdout;
}

export interface Site {
  readonly folder: string;
  readonly url: string;
}

/** Serves a folder until the returned function is called. */
export async function serve(folder: string): Promise<Site & { stop: () => Promise<void> }> {
  const port = await freePort();
  const server = spawn(tool, ["serve", folder, "--port", String(port)], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  server.stderr.on("data", (piece) => (said += String(piece)));
  const url = `http://127.0.0.1:${port}/`;
  for (let attempt = 0; ; attempt++) {
    if (server.exitCode !== null || attempt > 200) throw new Error(`nearsight serve did not start: ${said}`);
    const answer = await fetch(`${url}v1/health`).catch(() => null);
    if (answer?.ok === true) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const leave = async (): Promise<void> => {
    await Promise.all([...(visitors.get(url) ?? [])].filter((page) => !page.isClosed()).map((page) => page.goto("about:blank")));
    visitors.delete(url);
  };
  return { folder, url, stop: () => leave().finally(() => stop(server)) };
}

const visitors = new Map<string, Set<Page>>();

/** Has a page leave the site before its server stops: what a page still fetches then, such as the thumbnails of its last answer, would be an error in its console. */
export function visits(page: Page, { url }: Site): void {
  visitors.set(url, (visitors.get(url) ?? new Set()).add(page));
}

/** A copy of the site with large cells, which a test may change. */
export function coarseSite(name: string): string {
  const folder = join(RESULTS, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(COARSE, folder, { recursive: true });
  return folder;
}

/** The epoch that a folder publishes. */
export function epochOf(folder: string): number {
  return (JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as { epoch: number }).epoch;
}

/** The gallery's pictures, in order. */
export function gallery(): string[] {
  const pictures = readdirSync(GALLERY, { recursive: true, encoding: "utf8" });
  return pictures.filter((name) => /\.(jpe?g|png|webp|gif)$/i.test(name)).sort();
}

export function galleryBytes(name: string): Buffer {
  return readFileSync(join(GALLERY, name));
}

interface Fixtures {
  /** What the console may say in this test; everything else fails it. */
  readonly allowed: RegExp[];
  readonly quiet: void;
}

export const test = base.extend<Fixtures, { site: Site }>({
  site: [
    // Playwright wants a pattern for its first argument, even an empty one.
    async ({}, use) => {
      const served = await serve(SITE);
      await use(served);
      await served.stop();
    },
    { scope: "worker" },
  ],
  allowed: [async ({}, use) => use([]), { option: true }],
  quiet: [
    async ({ page, allowed }, use) => {
      const said: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") said.push(message.text());
      });
      page.on("pageerror", (error) => said.push(String(error)));
      await use();
      expect(said.filter((text) => !allowed.some((pattern) => pattern.test(text)))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens the demo page and waits until it can search. */
export async function openPage(page: Page, site: Site, query = ""): Promise<void> {
  visits(page, site);
  await page.goto(site.url + query);
  await expect(page.locator("#status-text")).toHaveText(/^Ready: [\d,]+ pictures\.$/);
}

/** Drops a file on the page, as a visitor does. */
export async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([file, base64]) => {
      const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([content], file, { type: "image/jpeg" }));
      return data;
    },
    [name, bytes.toString("base64")] as const,
  );
  await page.dispatchEvent("#drop", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
}

/** Waits for an answer; gives its hits' names in order. */
export async function answer(page: Page): Promise<string[]> {
  await expect(page.locator("#status-text")).toHaveText(/pictures in [\d.,]+ ms, the most alike first\.$/);
  return page.locator("#grid .name").allTextContents();
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  await ended;
}
