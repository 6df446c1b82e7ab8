// Rows that come and go while a page is open: what it fetches for the new epoch, and that nothing removed is shown.

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPackage } from "./package_page.js";
import { RESULTS, SITE, expect, nearsight, serve, test } from "./site.js";
import type { Page } from "@playwright/test";

const DIMENSION = 64;
const ROWS = 10_000;
const ADDED = 500;
const CLUSTERS = 80;

/** Clustered vectors, the same in every run. */
function vectors(count: number): Float32Array {
  let state = 11;
  const uniform = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const normal = (): number => Array.from({ length: 6 }, uniform).reduce((sum, value) => sum + value, -3);
  const centres = Array.from({ length: CLUSTERS }, () => Array.from({ length: DIMENSION }, normal));
  const rows = Array.from({ length: count }, () => (centres[Math.floor(uniform() * CLUSTERS)] ?? []).map((value) => value + 0.5 * normal()));
  return Float32Array.from(rows.flat());
}

const all = vectors(ROWS + ADDED);

function row(id: number): number[] {
  return [...all.subarray(id * DIMENSION, (id + 1) * DIMENSION)];
}

function write(name: string, from: number, to: number): string {
  const file = join(RESULTS, name);
  writeFileSync(file, Buffer.from(all.slice(from * DIMENSION, to * DIMENSION).buffer));
  return file;
}

interface Report {
  readonly new_bytes: number;
  readonly index_bytes: number;
  readonly pieces: number;
}

function run(...args: string[]): Report {
  return JSON.parse(nearsight(...args, "--json", "--quiet")) as Report;
}

type Search = Awaited<ReturnType<Window["nearsight"]["createImageSearch"]>>;

async function open(page: Page, preload: "all" | "routing"): Promise<void> {
  await page.evaluate(async (preload) => {
    Object.assign(window, { search: await window.nearsight.createImageSearch({ index: "/", preload }) });
  }, preload);
}

async function renew(page: Page): Promise<{ updated: boolean; pictures: number; bytesFetched: number }> {
  return page.evaluate(async () => (window as unknown as { search: Search }).search.checkForUpdate());
}

async function ask(page: Page, query: number[] | { id: number }, k = 10, exact = false): Promise<number[] | string> {
  return page.evaluate(
    async ([query, k, exact]) => {
      const { search } = window as unknown as { search: Search };
      try {
        const { hits } = await search.search(Array.isArray(query) ? Float32Array.from(query) : query, { k, exact });
        return hits.map((hit) => hit.id);
      } catch (error) {
        if (error instanceof window.nearsight.NearsightError) return error.code;
        throw error;
      }
    },
    [query, k, exact] as const,
  );
}

for (const preload of ["all", "routing"] as const) {
  test(`preload ${preload}: an open page fetches the rows that came, and shows none that went`, async ({ page }) => {
    test.setTimeout(120_000);
    const folder = join(RESULTS, `updates-${preload}`);
    rmSync(folder, { recursive: true, force: true });
    run("build", "--vectors", write("built.f32", 0, ROWS), "--dimension", String(DIMENSION), "-o", folder);
    cpSync(join(SITE, "package"), join(folder, "package"), { recursive: true });
    cpSync(join(SITE, "blank.html"), join(folder, "blank.html"));
    const site = await serve(folder);
    try {
      await openPackage(page, site);
      await open(page, preload);
      expect((await ask(page, row(7)))[0]).toBe(7);

      const added = run("add", folder, "--vectors", write("added.f32", ROWS, ROWS + ADDED));
      expect(added.pieces).toBeGreaterThan(0);
      const grown = await renew(page);
      expect(grown).toMatchObject({ updated: true, pictures: ROWS + ADDED });
      // The new files and the manifest, which says all.
      const allowed = preload === "all" ? added.new_bytes + 20_000 : added.new_bytes / 2;
      expect(grown.bytesFetched).toBeLessThan(allowed);
      expect(added.new_bytes).toBeLessThan(added.index_bytes * 0.1);
      for (const id of [ROWS, ROWS + 77, ROWS + ADDED - 1]) {
        expect((await ask(page, row(id)))[0]).toBe(id);
        expect(await ask(page, { id })).toHaveLength(10);
      }

      const removed = Array.from({ length: ROWS / 10 }, (_, number) => number * 10);
      writeFileSync(join(RESULTS, "removed.txt"), removed.join("\n"));
      run("remove", folder, "--from", join(RESULTS, "removed.txt"));
      const shrunk = await renew(page);
      expect(shrunk).toMatchObject({ updated: true, pictures: ROWS + ADDED - removed.length });
      expect(shrunk.bytesFetched).toBeLessThan(added.index_bytes * 0.05);
      const gone = new Set(removed);
      for (const id of [0, 10, 500, 9_990]) {
        for (const exact of [false, true]) {
          const hits = await ask(page, row(id), 100, exact);
          expect(hits).toHaveLength(100);
          expect([...hits].filter((hit) => gone.has(Number(hit)))).toEqual([]);
        }
        expect(await ask(page, { id })).toBe("query_invalid");
      }
      const kept = await ask(page, row(1), 10, true);

      run("compact", folder);
      expect((await renew(page)).updated).toBe(true);
      expect(await ask(page, row(1), 10, true)).toEqual(kept);
      expect(await ask(page, { id: 10 })).toBe("query_invalid");
    } finally {
      await site.stop();
    }
  });
}
