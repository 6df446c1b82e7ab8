// Indexes built in the browser: the bytes of the command line's, opened from what a page has at hand.

import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { openPackage, type Refusal } from "./package_page.js";
import { RESULTS, SITE, expect, nearsight, test } from "./site.js";
import type { Page } from "@playwright/test";

type Package = typeof import("nearsight");

declare global {
  interface Window {
    /** `nearsight/vectors`. */
    vectors: Package;
    rows: Float32Array;
  }
}

const DIMENSION = 32;
const ROWS = 6_000;
const folder = join(RESULTS, "built");

/** Clustered vectors of any length, the same in every run. */
function rows(): Float32Array {
  let state = 11;
  const uniform = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const normal = (): number => Array.from({ length: 6 }, uniform).reduce((sum, value) => sum + value, -3);
  const centres = Array.from({ length: 60 }, () => Array.from({ length: DIMENSION }, normal));
  const all = new Float32Array(ROWS * DIMENSION);
  for (let row = 0; row < ROWS; row++) {
    const centre = centres[Math.floor(uniform() * centres.length)] ?? [];
    centre.forEach((value, place) => (all[row * DIMENSION + place] = value + 0.5 * normal()));
  }
  return all;
}

/** Name and hash of each file. */
function hashes(path: string): Record<string, string> {
  const files = readdirSync(path).filter((name) => /^(manifest\.json|routing-|cells-)/.test(name));
  return Object.fromEntries(files.sort().map((name) => [name, createHash("sha256").update(readFileSync(join(path, name))).digest("hex")]));
}

test.beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  // Where the page can fetch them, too.
  const file = join(SITE, "built.f32");
  writeFileSync(file, Buffer.from(rows().buffer));
  nearsight("build", "--vectors", file, "--dimension", String(DIMENSION), "--seed", "5", "-o", folder, "--quiet");
});

test.beforeEach(async ({ page, site }) => {
  await openPackage(page, site);
  await page.evaluate(
    async (url) => {
      window.vectors = (await import(`${url}package/vectors.js`)) as Package;
      window.rows = new Float32Array(await (await fetch(`${url}built.f32`)).arrayBuffer());
    },
    site.url,
  );
});

test("an index built in the browser is byte for byte the command line's, and tells how far it is", async ({ page }) => {
  const built = await page.evaluate(async (dimension) => {
    const stages: string[] = [];
    let rising = true;
    let before = { stage: "", done: 0 };
    const index = await window.nearsight.buildIndex(window.rows, {
      dimension,
      seed: 5,
      onProgress: ({ stage, done }) => {
        if (stage === before.stage) rising &&= done >= before.done;
        else stages.push(stage);
        before = { stage, done };
      },
    });
    const hash = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
      Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const files: [string, string][] = [];
    for (const { name, bytes } of index.files) files.push([name, await hash(bytes)]);
    return { files: Object.fromEntries(files.sort()), stages, rising, pictures: index.pictures, still: window.rows.length };
  }, DIMENSION);
  expect(built.files).toEqual(hashes(folder));
  expect(built.stages).toEqual(["cluster", "join", "balance", "refine", "connect", "encode", "calibrate"]);
  expect(built.rising).toBe(true);
  expect(built.pictures).toBe(ROWS);
  expect(built.still).toBe(ROWS * DIMENSION);
});

async function searched(page: Page, from: "bytes" | "storage"): Promise<{ found: number[]; read: number; all: number; canEmbed: boolean; picture: string }> {
  return page.evaluate(
    async ([from, dimension]) => {
      const ids = Uint32Array.from({ length: window.rows.length / dimension }, (_, row) => 7 * row + 3);
      const index = await window.vectors.buildIndex(window.rows, { dimension, ids });
      const all = index.files.reduce((sum, { bytes }) => sum + bytes.length, 0);
      let files: readonly { name: string; bytes: Uint8Array<ArrayBuffer> | Blob }[] = index.files;
      if (from === "storage") {
        const root = await navigator.storage.getDirectory();
        files = await Promise.all(
          index.files.map(async ({ name, bytes }) => {
            const handle = await root.getFileHandle(name, { create: true });
            const writable = await handle.createWritable();
            await writable.write(bytes);
            await writable.close();
            return { name, bytes: await handle.getFile() };
          }),
        );
      }
      const search = await window.vectors.createImageSearch({ index: files, preload: "routing" });
      const found: number[] = [];
      for (let row = 0; row < 5; row++) {
        const query = window.rows.subarray(row * 1000 * dimension, (row * 1000 + 1) * dimension);
        const { hits } = await search.search(query, { k: 3 });
        found.push(hits[0]?.id ?? -1);
      }
      const { loadedBytes } = await search.memory();
      const picture = await search.search(new Blob([new Uint8Array(8)])).then(() => "answered", (error: { code: string }) => error.code);
      const { canEmbed } = search;
      await search.close();
      return { found, read: loadedBytes, all, canEmbed, picture };
    },
    [from, DIMENSION] as const,
  );
}

for (const from of ["bytes", "storage"] as const) {
  test(`an index that was built opens from ${from}, by the ids that were given, and reads only what searches need`, async ({ page }) => {
    const { found, read, all, canEmbed, picture } = await searched(page, from);
    expect(found).toEqual([3, 7003, 14003, 21003, 28003]);
    // The module is counted too.
    const module = readFileSync(join(RESULTS, "site/package/nearsight_vectors_bg.wasm")).length;
    expect(read - module).toBeLessThan(all * 0.8);
    expect(canEmbed).toBe(false);
    expect(picture).toBe("model_missing");
  });
}

test("an index by Euclidean distance is the command line's, and its hits carry the distances between the vectors given", async ({ page }) => {
  const byDistance = join(RESULTS, "built-by-distance");
  nearsight("build", "--vectors", join(SITE, "built.f32"), "--dimension", String(DIMENSION), "--metric", "euclidean", "-o", byDistance, "--quiet");
  const found = await page.evaluate(async (dimension) => {
    const { rows } = window;
    const index = await window.vectors.buildIndex(rows, { dimension, metric: "euclidean" });
    const hash = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
      Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const files: [string, string][] = [];
    for (const { name, bytes } of index.files) files.push([name, await hash(bytes)]);
    const search = await window.vectors.createImageSearch({ index: index.files, preload: "routing" });
    const distance = (query: Float32Array, row: number): number =>
      Math.hypot(...Array.from(query, (value, place) => value - (rows[row * dimension + place] ?? NaN)));
    const answers: { held: number; worst: number; negated: boolean }[] = [];
    for (let row = 0; row < 5; row++) {
      // One and a half times as long as a row: by the angle that row would be the nearest.
      const query = rows.slice(row * 1000 * dimension, (row * 1000 + 1) * dimension).map((value) => 1.5 * value);
      const { hits } = await search.search(query, { k: 10, recall: 0.99 });
      const truth = Array.from({ length: rows.length / dimension }, (_, other) => distance(query, other)).sort((a, b) => a - b);
      answers.push({
        held: hits.filter((hit) => distance(query, hit.id) <= (truth[9] ?? 0)).length,
        worst: Math.max(...hits.map((hit) => Math.abs(hit.distance / distance(query, hit.id) - 1))),
        negated: hits.every((hit) => hit.score === -hit.distance),
      });
    }
    const refusal = async (asked: object): Promise<string> =>
      search.search(rows.slice(0, dimension), asked).then(() => "answered", ({ code, message }: Refusal) => `${code}: ${message}`);
    const refusals = [await refusal({ distinct: true }), await refusal({ minScore: 0.5 })];
    const apart = (await search.search(rows.slice(0, dimension), { distinct: 0.5, minScore: -30 })).hits.length;
    const again = (await search.search({ id: 17 }, { k: 3 })).hits.some((hit) => hit.id === 17);
    const { metric } = search;
    await search.close();
    return { files: Object.fromEntries(files.sort()), answers, refusals, apart, again, metric };
  }, DIMENSION);
  expect(found.files).toEqual(hashes(byDistance));
  expect(found.metric).toBe("euclidean");
  expect(found.answers.reduce((sum, { held }) => sum + held, 0)).toBeGreaterThanOrEqual(47);
  for (const { worst, negated } of found.answers) {
    expect(worst).toBeLessThan(0.02);
    expect(negated).toBe(true);
  }
  for (const refusal of found.refusals) expect(refusal).toMatch(/^query_invalid: .*Euclidean distance/);
  expect(found.apart).toBeGreaterThan(0);
  expect(found.again).toBe(false);
});

test("a damaged file among the given ones is refused, and an absent one is named", async ({ page }) => {
  const refusals = await page.evaluate(async (dimension) => {
    const { files } = await window.vectors.buildIndex(window.rows.slice(0, 500 * dimension), { dimension });
    const refusal = async (given: typeof files): Promise<Refusal> =>
      window.vectors.createImageSearch({ index: given, preload: "all" }).then(
        () => ({ code: "opened", message: "" }),
        ({ code, message }: Refusal) => ({ code, message }),
      );
    const flipped = files.map(({ name, bytes }) => {
      const copy = bytes.slice();
      if (name.startsWith("cells-")) copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 4;
      return { name, bytes: copy };
    });
    return [await refusal(flipped), await refusal(files.filter(({ name }) => !name.startsWith("routing-")))];
  }, DIMENSION);
  expect(refusals[0]?.code).toBe("index_corrupt");
  expect(refusals[0]?.message).toContain("the given file cells-");
  expect(refusals[1]?.code).toBe("index_missing");
  expect(refusals[1]?.message).toContain("routing-");
});

test("a build that is no longer wanted stops at once", async ({ page }) => {
  const outcome = await page.evaluate(async (dimension) => {
    const stop = new AbortController();
    const build = window.vectors.buildIndex(window.rows, { dimension, signal: stop.signal, onProgress: () => stop.abort() });
    const early = await window.vectors.buildIndex(window.rows, { dimension, signal: AbortSignal.abort() }).catch(({ code }: Refusal) => code);
    return [await build.catch(({ code }: Refusal) => code), early];
  }, DIMENSION);
  expect(outcome).toEqual(["aborted", "aborted"]);
});

test("what cannot be built is refused in words", async ({ page }) => {
  const refusals = await page.evaluate(async () => {
    const refusal = (work: Promise<unknown>): Promise<string> => work.then(() => "built", ({ code, message }: Refusal) => `${code}: ${message}`);
    const { buildIndex } = window.vectors;
    return Promise.all([
      refusal(buildIndex(new Float32Array(10))),
      refusal(buildIndex(new Float32Array(10), { dimension: 4 })),
      refusal(buildIndex([])),
      refusal(buildIndex([new Float32Array(2), new Float32Array(3)])),
      refusal(buildIndex(Float32Array.of(1, 0, 0, 0), { dimension: 2 })),
      refusal(buildIndex(Float32Array.of(1, 0, Number.NaN, 1), { dimension: 2 })),
      refusal(buildIndex([new Float32Array(8193).fill(1)])),
      refusal(buildIndex(Float32Array.of(1, 0, 0, 1), { dimension: 2, ids: [4, 4] })),
      refusal(buildIndex(Float32Array.of(1, 0, 0, 1), { dimension: 2, ids: [1] })),
      refusal(buildIndex(Float32Array.of(1, 0, 0, 1), { dimension: 2, cells: 0 })),
    ]);
  });
  const expected = [
    /^options_invalid: .*dimension/,
    /^options_invalid: .*10 numbers/,
    /^options_invalid: .*no vectors/,
    /^options_invalid: .*vector 1/,
    /^vectors_invalid: .*row 1 .* is zero/,
    /^vectors_invalid: /,
    /^vectors_invalid: .*8193 numbers each; an index takes at most 8192/,
    /^vectors_invalid: .*4 occurs twice/,
    /^options_invalid: .*1 ids/,
    /^options_invalid: .*cells is 0/,
  ];
  expected.forEach((pattern, place) => expect(refusals[place]).toMatch(pattern));
});
