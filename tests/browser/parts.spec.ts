// Cells as needed: what a search fetches of an index that is not preloaded, from servers with ranges and without.

import { cpSync, createReadStream, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { openPackage } from "./package_page.js";
import { RESULTS, SITE, expect, nearsight, serve, test, type Site } from "./site.js";
import type { Page, Route } from "@playwright/test";

const DIMENSION = 64;
const ROWS = 20_000;
const CLUSTERS = 150;
const QUERIES = 12;
const folder = join(RESULTS, "parts");

/** Clustered vectors, the same in every run; the last ones are the queries. */
function vectors(count: number): number[][] {
  let state = 7;
  const uniform = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const normal = (): number => Array.from({ length: 6 }, uniform).reduce((sum, value) => sum + value, -3);
  const centres = Array.from({ length: CLUSTERS }, () => Array.from({ length: DIMENSION }, normal));
  return Array.from({ length: count }, () => (centres[Math.floor(uniform() * CLUSTERS)] ?? []).map((value) => value + 0.5 * normal()));
}

let queries: number[][] = [];
let segmentBytes = 0;

test.beforeAll(() => {
  const rows = vectors(ROWS + QUERIES);
  queries = rows.splice(ROWS);
  const file = join(RESULTS, "parts.f32");
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(file, Buffer.from(Float32Array.from(rows.flat()).buffer));
  nearsight("build", "--vectors", file, "--dimension", String(DIMENSION), "-o", folder, "--quiet");
  cpSync(join(SITE, "package"), join(folder, "package"), { recursive: true });
  cpSync(join(SITE, "blank.html"), join(folder, "blank.html"));
  const { segments } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as { segments: { bytes: number }[] };
  segmentBytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
});

interface Answers {
  readonly ids: number[][];
  readonly fetched: number[];
  readonly again: number;
}

async function answers(page: Page, preload: "all" | "routing"): Promise<Answers> {
  return page.evaluate(
    async ([preload, queries]) => {
      const search = await window.nearsight.createImageSearch({ index: "/", preload, keep: false });
      const ask = async (query: number[] | undefined) => search.search(Float32Array.from(query ?? []), { k: 10 });
      const ids: number[][] = [];
      const fetched: number[] = [];
      for (const query of queries) {
        const { hits, stats } = await ask(query);
        ids.push(hits.map((hit) => hit.id));
        fetched.push(stats.bytesFetched);
      }
      // One after another they were; these two go on at the same time.
      const [first, last] = await Promise.all([ask(queries[0]), ask(queries.at(-1))]);
      await search.close();
      return { ids, fetched, again: first.stats.bytesFetched + last.stats.bytesFetched };
    },
    [preload, queries] as const,
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

test("the real server: ranges of segments, the hits of a preloaded index, nothing twice", async ({ page }) => {
  const site = await serve(folder);
  try {
    await openPackage(page, site);
    const whole = await answers(page, "all");
    const seen: { range: string | undefined; status: number; encoding: string | undefined; length: number }[] = [];
    page.on("response", async (response) => {
      if (!response.url().endsWith(".nss")) return;
      const headers = response.headers();
      seen.push({ range: response.request().headers()["range"], status: response.status(), encoding: headers["content-encoding"], length: Number(headers["content-length"]) });
    });
    const lazy = await answers(page, "routing");
    expect(lazy.ids).toEqual(whole.ids);
    expect(sum(whole.fetched)).toBe(0);
    expect(lazy.again).toBe(0);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter(({ range, status, encoding }) => range === undefined || status !== 206 || encoding !== undefined)).toEqual([]);
    expect(sum(seen.map(({ length }) => length))).toBe(sum(lazy.fetched));
    // A twentieth of the index for a first answer, and less for later ones.
    expect(lazy.fetched[0]).toBeLessThan(segmentBytes / 10);
    expect(sum(lazy.fetched)).toBeLessThan(segmentBytes / 2);
  } finally {
    await site.stop();
  }
});

test("the records of a few hits come by ranges, and say what the whole files say", async ({ page }) => {
  const { dimension, records } = JSON.parse(readFileSync(join(SITE, "manifest.json"), "utf8")) as { dimension: number; records: { bytes: number }[] };
  const site = await serve(SITE);
  try {
    await openPackage(page, site);
    const seen: { status: number; length: number }[] = [];
    page.on("response", (response) => {
      if (response.url().endsWith(".nsd")) seen.push({ status: response.status(), length: Number(response.headers()["content-length"]) });
    });
    const ask = async (preload: "all" | "routing"): Promise<unknown[]> =>
      page.evaluate(
        async ([preload, dimension]) => {
          const search = await window.nearsight.createImageSearch({ index: "/", preload, keep: false });
          const { hits } = await search.search(Float32Array.from({ length: dimension }, (_, at) => Math.cos(at)), { k: 3 });
          await search.close();
          return hits.map(({ id, path, thumb, width }) => ({ id, path, thumb, width }));
        },
        [preload, dimension] as const,
      );
    const lazy = await ask("routing");
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter(({ status }) => status !== 206)).toEqual([]);
    expect(sum(seen.map(({ length }) => length))).toBeLessThan(sum(records.map(({ bytes }) => bytes)) / 3);
    expect(lazy).toEqual(await ask("all"));
    expect(lazy).toHaveLength(3);
  } finally {
    await site.stop();
  }
});

/** A plain server. Without `ranges` it knows none, as the simplest do; those that it sends take so many `milliseconds`. */
async function plainServer(requested: (path: string, request: IncomingMessage, answered: Promise<void>) => void, ranges = false, milliseconds = 0): Promise<Site & { stop: () => Promise<void> }> {
  const types: Record<string, string> = { html: "text/html", js: "text/javascript", json: "application/json", wasm: "application/wasm" };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://plain").pathname;
    requested(path, request, new Promise((resolve) => response.once("close", resolve)));
    const length = statSync(join(folder, path), { throwIfNoEntry: false })?.size;
    if (length === undefined) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (ranges && range !== null) {
      const [start, end] = [Number(range[1]), Number(range[2])];
      response.writeHead(206, { "content-range": `bytes ${start}-${end}/${length}`, "content-length": end - start + 1, "cache-control": "public, max-age=31536000, immutable", etag: `"${path}"` });
      setTimeout(() => createReadStream(join(folder, path), { start, end }).pipe(response), milliseconds);
      return;
    }
    response.writeHead(200, { "content-type": types[path.split(".").at(-1) ?? ""] ?? "application/octet-stream", "content-length": length });
    createReadStream(join(folder, path)).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return {
    folder,
    url: `http://127.0.0.1:${address.port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a server without ranges: whole segments, each taken once, and the same hits", async ({ page }) => {
  let withoutRange = 0;
  const files = new Set<string>();
  const site = await plainServer((path, request) => {
    if (!path.endsWith(".nss")) return;
    files.add(path);
    if (request.headers.range === undefined) withoutRange++;
  });
  try {
    await openPackage(page, site);
    const lazy = await answers(page, "routing");
    const taken = [...files].map((path) => statSync(join(folder, path)).size);
    expect(sum(lazy.fetched)).toBe(sum(taken));
    expect(lazy.again).toBe(0);
    // After the first answers no range is asked for any more, and no file a second time.
    expect(withoutRange).toBeGreaterThan(0);
    expect(withoutRange).toBeLessThanOrEqual(files.size);
    files.clear();
    const whole = await answers(page, "all");
    expect(lazy.ids).toEqual(whole.ids);
  } finally {
    await site.stop();
  }
});

test("ranges of one file are asked for side by side", async ({ page }) => {
  const open = new Map<string, number>();
  let most = 0;
  const count = (path: string, more: number): number => {
    const now = (open.get(path) ?? 0) + more;
    open.set(path, now);
    return now;
  };
  const requested = (path: string, request: IncomingMessage, answered: Promise<void>): void => {
    if (!path.endsWith(".nss") || request.headers.range === undefined) return;
    most = Math.max(most, count(path, 1));
    void answered.then(() => count(path, -1));
  };
  const site = await plainServer(requested, true, 40);
  try {
    await openPackage(page, site);
    await answers(page, "routing");
    // In the browser's cache each would wait for the one before it.
    expect(most).toBeGreaterThan(1);
  } finally {
    await site.stop();
  }
});

/** Searches once; gives the hits, or the code of the refusal. */
async function once(page: Page): Promise<number[] | string> {
  return page.evaluate(async (query) => {
    const search = await window.nearsight.createImageSearch({ index: "/", preload: "routing", keep: false });
    try {
      return (await search.search(Float32Array.from(query ?? []), { k: 10 })).hits.map((hit) => hit.id);
    } catch (error) {
      if (error instanceof window.nearsight.NearsightError) return error.code;
      throw error;
    } finally {
      await search.close();
    }
  }, queries[0]);
}

test("a damaged, a cut and a longer range are fetched once more, and then refused", async ({ page }) => {
  const site = await serve(folder);
  try {
    await openPackage(page, site);
    const right = await once(page);
    expect(right).toHaveLength(10);
    const damages: Record<string, (body: Buffer) => Buffer> = {
      damaged: (body) => Buffer.from(body.map((byte, at) => (at === body.length >> 1 ? byte ^ 1 : byte))),
      cut: (body) => body.subarray(0, body.length - 7),
      longer: (body) => Buffer.concat([body, Buffer.alloc(9)]),
      page: () => Buffer.from("<!doctype html><title>Not here</title>"),
    };
    for (const [what, damage] of Object.entries(damages)) {
      let left = 1;
      // The same one each time: a refusal ends the search, and answers to its other requests would come too late.
      let spoilt: string | undefined;
      const spoil = async (route: Route): Promise<void> => {
        const wanted = `${route.request().url()} ${route.request().headers()["range"]}`;
        spoilt ??= wanted;
        if (wanted !== spoilt || left-- <= 0) return route.continue();
        const response = await route.fetch();
        const body = damage(await response.body());
        await route.fulfill({ response, body, headers: { ...response.headers(), "content-length": String(body.length) } });
      };
      await page.route("**/*.nss", spoil);
      expect(await once(page), `${what} once`).toEqual(right);
      left = Infinity;
      spoilt = undefined;
      expect(await once(page), `${what} always`).toBe("index_corrupt");
      await page.unroute("**/*.nss", spoil);
    }
  } finally {
    await site.stop();
  }
});

test("a range that the server refuses is answered by the whole file", async ({ page }) => {
  const site = await serve(folder);
  try {
    await openPackage(page, site);
    const right = await once(page);
    await page.route("**/*.nss", async (route) => {
      if (route.request().headers()["range"] === undefined) return route.continue();
      await route.fulfill({ status: 416 });
    });
    expect(await once(page)).toEqual(right);
  } finally {
    await site.stop();
  }
});

test("an aborted search leaves the next one whole", async ({ page }) => {
  const site = await serve(folder);
  try {
    await openPackage(page, site);
    const right = await once(page);
    const outcome = await page.evaluate(async (query) => {
      const search = await window.nearsight.createImageSearch({ index: "/", preload: "routing", keep: false });
      const vector = Float32Array.from(query ?? []);
      const controller = new AbortController();
      const aborted = search.search(vector, { k: 10, signal: controller.signal }).then(
        () => "answered",
        (error: unknown) => (error instanceof window.nearsight.NearsightError ? error.code : "thrown"),
      );
      const other = search.search(vector, { k: 10 });
      await new Promise((resolve) => setTimeout(resolve, 5));
      controller.abort();
      const ids = (await other).hits.map((hit) => hit.id);
      await search.close();
      return { ended: await aborted, ids };
    }, queries[0]);
    expect(["aborted", "answered"]).toContain(outcome.ended);
    expect(outcome.ids).toEqual(right);
  } finally {
    await site.stop();
  }
});
