// The loop: a visitor agrees, clicks; the server keeps it once; the index is re-partitioned; the page takes
// the new epoch without being loaded again, reading only what changed.

import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { readNpy } from "./npy.js";
import { openPackage } from "./package_page.js";
import type { Page } from "@playwright/test";
import { GALLERY, RESULTS, answer, coarseSite, epochOf, expect, gallery, nearsight, openPage, serve, test, type Site } from "./site.js";

/**
 * 738 pictures are too few for a division to pay for the cells it adds, as an operator's defaults count. What is tested is the way
 * from a click to a new epoch, so opening is said to cost nothing.
 */
const CHEAP_OPENING = ["--opening-cost", "0"];

interface Answered {
  readonly row: number;
  readonly hits: readonly { readonly path: string; readonly score: number }[];
}

/** The gallery's full vectors and paths, as the builder makes them. */
function fullVectors(): { readonly vectors: number[][]; readonly names: string[] } {
  const npy = join(RESULTS, "gallery.npy");
  nearsight("embed", GALLERY, "-o", npy, "--quiet");
  return { vectors: readNpy(npy), names: readFileSync(join(RESULTS, "gallery.names.txt"), "utf8").trim().split("\n") };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}

test("nothing is sent before the visitor agrees, nor after they have changed their mind", async ({ page, site }) => {
  const posts: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posts.push(request.url());
  });
  await openPage(page, site);
  await page.locator("#choose").setInputFiles(`${GALLERY}/${gallery()[0] ?? ""}`);
  await answer(page);
  await expect(page.locator("#consent")).not.toBeChecked();
  await page.locator("#grid .open").nth(1).click();
  await answer(page);
  await page.locator("#consent").check();
  await page.locator("#consent").uncheck();
  await page.locator("#grid .open").nth(1).click();
  await answer(page);
  await page.waitForTimeout(2_500);
  expect(posts).toEqual([]);
});

test("a browser that asks not to be tracked is not, whatever the switch says", async ({ page, site }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
  const posts: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posts.push(request.url());
  });
  await openPackage(page, site);
  const sharing = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/", events: { consent: true } });
    search.click((await search.search({ id: 1 })).hits[0] as never);
    const { sharing } = search;
    await search.close();
    return sharing;
  });
  expect(sharing).toEqual({ offered: true, blocked: true, active: false });
  expect(posts).toEqual([]);
});

test("clicks arrive once, the index is re-partitioned, and the open page takes the new epoch", async ({ page }) => {
  test.setTimeout(180_000);
  const served = await serve(coarseSite("loop"));
  const full = fullVectors();
  try {
    await openPage(page, served, "?poll=1");
    await page.locator("#choose").setInputFiles(`${GALLERY}/${gallery()[0] ?? ""}`);
    await answer(page);
    await page.locator("#consent").check();
    const opened: string[] = [];
    for (let i = 0; i < 3; i++) {
      await page.locator("#choose").setInputFiles(`${GALLERY}/${gallery()[i] ?? ""}`);
      await answer(page);
      const hit = page.locator("#grid .open").nth(2);
      opened.push((await hit.getAttribute("data-id")) ?? "");
      await hit.click();
      await expect(page.locator("#query-caption")).toHaveText(/^Like /);
      await answer(page);
    }
    const database = join(served.folder, ".nearsight/events.sqlite");
    await expect.poll(() => rows(database, "click").length, { timeout: 10_000 }).toBe(3);
    // Long enough for a second sending of the same, were there one.
    await page.waitForTimeout(2_000);
    const clicks = rows(database, "click");
    expect(clicks.map((click) => String(click.image_id))).toEqual(opened);
    expect(new Set(clicks.map((click) => click.event_id)).size).toBe(3);
    // Three searches for pictures and three for more like a hit.
    expect(rows(database, "impression")).toHaveLength(6);

    // Traffic of many visitors on one cell, as the clicks of one page are too few to move anything.
    const before = await exact(page);
    await flood(page, served);
    const epoch = epochOf(served.folder) + 1;
    const said = nearsight("repartition", served.folder, ...CHEAP_OPENING);
    expect(epochOf(served.folder), said).toBe(epoch);
    await expect(page.locator("#toast")).toHaveText(`The index was renewed: epoch ${epoch}.`);

    await page.locator("#choose").setInputFiles(`${GALLERY}/${gallery()[0] ?? ""}`);
    await answer(page);
    await expect(page.locator('[data-fact="epoch"]')).toHaveText(String(epoch));
    agreesWithExactSearch(before);
    agreesWithExactSearch(await exact(page));
  } finally {
    await served.stop();
  }

  /** Answers to some of the full vectors, by the package in a session of its own that scans everything. */
  async function exact(view: typeof page): Promise<Answered[]> {
    const queries = [0, 11, 29, 47].map((row) => ({ row, vector: full.vectors[row] ?? [] }));
    return view.evaluate(
      async ([address, queries]) => {
        const { createImageSearch } = (await import(address)) as typeof import("nearsight");
        const search = await createImageSearch({ index: "/" });
        const answers = [];
        for (const { row, vector } of queries) {
          const { hits } = await search.search(Float32Array.from(vector), { k: 10, exact: true });
          answers.push({ row, hits: hits.map(({ path, score }) => ({ path, score })) });
        }
        await search.close();
        return answers;
      },
      [`${served.url}package/index.js`, queries] as const,
    );
  }

  /**
   * Every score is that of the full vectors up to the error of the codes (5e-4 root mean square; 2e-3 is four times that), and
   * every hit is as near as the true tenth, up to twice that: only pictures that are all but equally near may change places.
   */
  function agreesWithExactSearch(answers: readonly Answered[]): void {
    const codes = 2e-3;
    for (const { row, hits } of answers) {
      const scores = full.vectors.map((vector) => dot(vector, full.vectors[row] ?? []));
      const tenth = [...scores].sort((a, b) => b - a)[9] ?? NaN;
      expect(hits).toHaveLength(10);
      for (const { path, score } of hits) {
        const exact = scores[full.names.indexOf(path)] ?? NaN;
        expect(Math.abs(score - exact), path).toBeLessThan(codes);
        expect(exact, path).toBeGreaterThanOrEqual(tenth - 2 * codes);
      }
    }
  }
});

test("a new epoch costs less than half of the index", async ({ page }) => {
  test.setTimeout(120_000);
  const served = await serve(coarseSite("renewed"));
  try {
    await openPackage(page, served);
    await page.evaluate(async () => {
      const search = await window.nearsight.createImageSearch({ index: "/" });
      Object.assign(window, { search });
    });
    await flood(page, served);
    const epoch = epochOf(served.folder) + 1;
    const said = nearsight("repartition", served.folder, ...CHEAP_OPENING);
    const { update, refused, indexBytes } = await page.evaluate(async () => {
      const { search } = window as unknown as { search: Awaited<ReturnType<typeof window.nearsight.createImageSearch>> };
      const update = await search.checkForUpdate();
      const refused = await search.checkForUpdate();
      const manifest = (await (await fetch("/manifest.json")).json()) as { routing: { bytes: number }; segments: { bytes: number }[]; records: { bytes: number }[] };
      await search.close();
      return { update, refused, indexBytes: [manifest.routing, ...manifest.segments, ...manifest.records].reduce((sum, file) => sum + file.bytes, 0) };
    });
    expect(update.updated, said).toBe(true);
    expect(update.epoch).toBe(epoch);
    expect(update.bytesFetched).toBeLessThan(indexBytes / 2);
    expect(refused.updated).toBe(false);
  } finally {
    await served.stop();
  }
});

test("a manifest of an earlier epoch is refused, and the search goes on", async ({ page }) => {
  test.setTimeout(120_000);
  const served = await serve(coarseSite("older"));
  try {
    const old = readFileSync(join(served.folder, "manifest.json"), "utf8");
    await flood(page, served);
    const epoch = epochOf(served.folder);
    const said = nearsight("repartition", served.folder, ...CHEAP_OPENING);
    expect(epochOf(served.folder), said).toBe(epoch + 1);
    await openPackage(page, served);
    await page.evaluate(async () => {
      Object.assign(window, { search: await window.nearsight.createImageSearch({ index: "/" }) });
    });
    await page.route("**/manifest.json", (route) => route.fulfill({ status: 200, contentType: "application/json", body: old }));
    const { update, hits } = await page.evaluate(async () => {
      const { search } = window as unknown as { search: Awaited<ReturnType<typeof window.nearsight.createImageSearch>> };
      const update = await search.checkForUpdate();
      const { hits } = await search.search({ id: 1 }, { k: 5 });
      await search.close();
      return { update, hits: hits.length };
    });
    expect(update).toMatchObject({ updated: false, epoch: epoch + 1, refusedEpoch: epoch });
    expect(hits).toBe(5);
  } finally {
    await served.stop();
  }
});

interface Row {
  readonly event_id: string;
  readonly image_id: number;
}

/** The kept events of a kind, read with SQLite's own tool or Python's. */
function rows(database: string, type: string): Row[] {
  const query = "select body from events order by sequence";
  const python = "import sqlite3,sys; print('\\n'.join(row[0] for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])))";
  let result = spawnSync("sqlite3", ["-readonly", database, query], { encoding: "utf8" });
  if (result.error !== undefined) result = spawnSync("python3", ["-c", python, database, query], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`reading ${database}: ${result.stderr}${result.error?.message ?? ""}`);
  const events = result.stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Row & { type: string });
  return events.filter((event) => event.type === type);
}

/** The searches and clicks of many visitors in the largest cell: one visitor's, in many sessions. */
async function flood(page: Page, site: Site): Promise<void> {
  const visitor = await page.context().newPage();
  const events: Record<string, unknown>[] = [];
  await visitor.route("**/v1/events", async (route) => {
    const body = route.request().postDataJSON() as { events: Record<string, unknown>[] };
    events.push(...body.events);
    await route.fulfill({ status: 202, contentType: "application/json", body: "{}" });
  });
  await openPackage(visitor, site);
  await visitor.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/", events: { consent: true, auditShare: 0 } });
    const all = await search.search({ id: 0 }, { k: 1_000, exact: true });
    const cells = new Map<number, number[]>();
    for (const hit of all.hits) cells.set(hit.cell, [...(cells.get(hit.cell) ?? []), hit.id]);
    const largest = [...cells.values()].reduce((most, ids) => (ids.length > most.length ? ids : most));
    search.consent(false);
    // One corner of it: what is asked there again and again need not read the rest of the cell.
    const corner = (await search.search({ id: largest[0] ?? 0 }, { k: 4, exact: true })).hits.map((hit) => hit.id);
    search.consent(true);
    for (const id of corner) {
      const { hits } = await search.search({ id }, { k: 10 });
      for (const hit of hits.slice(0, 2)) search.click(hit);
    }
    await search.close();
  });
  await visitor.close();
  expect(events.length).toBeGreaterThan(8);
  for (let session = 0; session < 60; session++) {
    const copies = events.map((event) => ({ ...event, event_id: `${session}-${String(event["event_id"])}`, search_id: `${session}-${String(event["search_id"])}`, session: `session-${session}` }));
    for (let at = 0; at < copies.length; at += 50) {
      const response = await fetch(`${site.url}v1/events`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: new URL(site.url).origin },
        body: JSON.stringify({ events: copies.slice(at, at + 50) }),
      });
      expect(response.status).toBe(202);
    }
  }
}
