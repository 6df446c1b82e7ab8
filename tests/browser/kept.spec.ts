// What a visitor keeps of an index that is fetched as searches need it: a later visit reads it from the browser's storage.

import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openPackage } from "./package_page.js";
import { RESULTS, SITE, expect, nearsight, serve, test, type Site } from "./site.js";
import type { Page } from "@playwright/test";

interface Named {
  readonly name: string;
}
interface ManifestOf {
  readonly dimension: number;
  readonly segments: readonly Named[];
  readonly records: readonly Named[];
}

function manifestOf(folder: string): ManifestOf {
  return JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as ManifestOf;
}

const { dimension } = manifestOf(SITE);

type Session = Awaited<ReturnType<Window["nearsight"]["createImageSearch"]>>;

interface Visit {
  readonly ids: number[][];
  readonly shown: (string | null)[];
  readonly fetched: number;
}

/**
 * A session in a worker of its own, which asks for these directions one after the other. It ends when all that it fetched lies in storage, beside what lay
 * there; at once where `keeps` says that something else will happen.
 */
async function visit(page: Page, directions: readonly number[], { keep, keeps = keep !== false }: { keep?: boolean; keeps?: boolean } = {}): Promise<Visit> {
  const before = await storedBytes(page);
  const visited = await page.evaluate(
    async ([dimension, directions, keep]) => {
      const search = await window.nearsight.createImageSearch({ index: "/", preload: "routing", ...(keep === undefined ? {} : { keep }) });
      const ids: number[][] = [];
      const shown: (string | null)[] = [];
      let fetched = 0;
      for (const direction of directions) {
        const { hits, stats } = await search.search(Float32Array.from({ length: dimension }, (_, at) => Math.cos(at * direction)), { k: 5 });
        ids.push(hits.map((hit) => hit.id));
        shown.push(...hits.map((hit) => `${hit.path} ${hit.thumb}`));
        fetched += stats.bytesFetched;
      }
      Object.assign(window, { search });
      return { ids, shown, fetched };
    },
    [dimension, directions, keep] as const,
  );
  if (keeps) await expect.poll(() => storedBytes(page)).toBeGreaterThanOrEqual(before + visited.fetched);
  await page.evaluate(async () => (window as unknown as { search: Session }).search.close());
  return visited;
}

/** What lies in storage, as [file, bytes]; `spoil` changes the first byte of each. */
async function stored(page: Page, spoil = false): Promise<[string, number][]> {
  return page.evaluate(async (spoil) => {
    const done = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    if (!(await indexedDB.databases()).some(({ name }) => name === "nearsight")) return [];
    const database = await done(indexedDB.open("nearsight"));
    if (!database.objectStoreNames.contains("ranges")) return [];
    const store = database.transaction("ranges", spoil ? "readwrite" : "readonly").objectStore("ranges");
    const keys = (await done(store.getAllKeys())) as unknown as [string, string, number, number][];
    const values = (await done(store.getAll())) as Uint8Array[];
    for (const [at, key] of keys.entries()) {
      const bytes = values[at];
      if (!spoil || bytes === undefined) continue;
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await done(store.put(bytes, key));
    }
    database.close();
    return keys.map(([, name], at) => [name, values[at]?.length ?? 0]);
  }, spoil);
}

async function storedBytes(page: Page): Promise<number> {
  return (await stored(page)).reduce((sum, [, length]) => sum + length, 0);
}

async function inSite(page: Page, folder: string, work: (site: Site) => Promise<void>): Promise<void> {
  const site = await serve(folder);
  try {
    await openPackage(page, site);
    await work(site);
  } finally {
    await site.stop();
  }
}

test("what a visit fetched a later one reads from storage, records too, and only what is new comes from the server", async ({ page }) => {
  await inSite(page, SITE, async (site) => {
    const asked: string[] = [];
    page.on("request", (request) => {
      if (/\.ns[sd]$/.test(request.url())) asked.push(request.url());
    });
    const first = await visit(page, [1, 2]);
    expect(first.fetched).toBeGreaterThan(0);
    expect(asked.filter((url) => url.endsWith(".nsd")).length).toBeGreaterThan(0);
    expect(await storedBytes(page)).toBe(first.fetched);
    asked.length = 0;
    await openPackage(page, site);
    const again = await visit(page, [1, 2]);
    expect(asked).toEqual([]);
    expect(again).toEqual({ ...first, fetched: 0 });
    const third = await visit(page, [1, 3]);
    expect(third.ids[0]).toEqual(first.ids[0]);
    expect(third.ids).toEqual((await visit(page, [1, 3], { keep: false })).ids);
  });
});

test("nothing is kept where the page does not want it", async ({ page }) => {
  await inSite(page, SITE, async () => {
    const first = await visit(page, [1], { keep: false });
    await page.waitForTimeout(500);
    expect(await stored(page)).toEqual([]);
    expect((await visit(page, [1], { keep: false })).fetched).toBe(first.fetched);
  });
});

test("what was damaged in storage is fetched again", async ({ page }) => {
  await inSite(page, SITE, async () => {
    const first = await visit(page, [1, 2]);
    await stored(page, true);
    expect(await visit(page, [1, 2], { keeps: false })).toEqual(first);
    await expect.poll(async () => (await visit(page, [1, 2], { keeps: false })).fetched).toBe(0);
  });
});

test("a page that cannot use storage answers all the same", async ({ page }) => {
  await inSite(page, SITE, async () => {
    const first = await visit(page, [1], { keep: false });
    // A database of a later version of this package, which has other things in it.
    await page.evaluate(async () => {
      const opening = indexedDB.open("nearsight", 99);
      await new Promise((resolve) => (opening.onsuccess = resolve));
      opening.result.close();
    });
    expect(await visit(page, [1], { keeps: false })).toEqual(first);
  });
});

test("of files that a new epoch does not have nothing stays in storage", async ({ page }) => {
  const folder = join(RESULTS, "kept");
  rmSync(folder, { recursive: true, force: true });
  cpSync(SITE, folder, { recursive: true });
  await inSite(page, folder, async () => {
    const first = await visit(page, [1]);
    const found = first.shown[0]?.split(" ")[0] ?? "";
    nearsight("remove", folder, found, "--quiet");
    nearsight("compact", folder, "--quiet");
    const { segments, records } = manifestOf(folder);
    const names = new Set([...segments, ...records].map(({ name }) => name));
    expect((await stored(page)).filter(([name]) => !names.has(name)).length).toBeGreaterThan(0);
    const later = await visit(page, [1], { keeps: false });
    expect(later.ids[0]).not.toContain(first.ids[0]?.[0]);
    await expect.poll(async () => (await stored(page)).filter(([name]) => !names.has(name))).toEqual([]);
  });
});
