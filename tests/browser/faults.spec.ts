// What goes wrong on the way is told, and never taken for an answer.

import { openPackage } from "./package_page.js";
import { GALLERY, answer, expect, gallery, test } from "./site.js";
import type { Page, Route } from "@playwright/test";

// The browser itself reports what the network refuses.
test.use({ allowed: [[/Failed to load resource/, /net::ERR/], { scope: "test" }] });

const html = (route: Route): Promise<void> => route.fulfill({ status: 200, contentType: "text/html", body: "<!doctype html><title>Not here</title>" });

async function refusal(page: Page, options: { worker?: string; wasm?: string } = {}): Promise<{ code: string; message: string }> {
  return page.evaluate(async (given) => {
    try {
      await (await window.nearsight.createImageSearch({ index: "/", ...given })).close();
    } catch (error) {
      if (error instanceof window.nearsight.NearsightError) return { code: error.code, message: error.message };
      throw error;
    }
    throw new Error("it was not refused");
  }, options);
}

test("a web page in place of the module is named, with its address", async ({ page, site }) => {
  await openPackage(page, site);
  await page.route("**/*.wasm", html);
  const { code, message } = await refusal(page);
  expect(code).toBe("not_wasm");
  expect(message).toContain(`${site.url}package/nearsight_bg.wasm`);
  expect(message).toContain("HTML");
});

test("a module with the type of a web page but other bytes is named by its first bytes", async ({ page, site }) => {
  await openPackage(page, site);
  await page.route("**/*.wasm", (route) => route.fulfill({ status: 200, contentType: "application/wasm", body: "hello, world" }));
  const { code, message } = await refusal(page);
  expect(code).toBe("not_wasm");
  expect(message).toContain("hello, world");
});

test("a web page in place of the manifest is named, with its address", async ({ page, site }) => {
  await openPackage(page, site);
  await page.route("**/manifest.json", html);
  const { code, message } = await refusal(page);
  expect(code).toBe("index_corrupt");
  expect(message).toContain(`${site.url}manifest.json`);
});

for (const [what, pattern] of [["a segment", "**/cells-*.nss"], ["the routing", "**/routing-*.nsr"], ["the records", "**/records-*.nsd"]] as const) {
  test(`a web page in place of ${what} is named, with its address`, async ({ page, site }) => {
    await openPackage(page, site);
    await page.route(pattern, html);
    const { code, message } = await refusal(page);
    expect(code).toBe("index_corrupt");
    expect(message).toContain(site.url);
  });
}

test("a segment with a changed byte is refused", async ({ page, site }) => {
  await openPackage(page, site);
  // The same one each time: a refusal ends the loading of the others, and an answer to those would come too late.
  let damaged: string | undefined;
  await page.route("**/cells-*.nss", async (route) => {
    damaged ??= route.request().url();
    if (route.request().url() !== damaged) return route.continue();
    const response = await route.fetch();
    const body = await response.body();
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  expect((await refusal(page)).code).toBe("index_corrupt");
});

test("a changed model is refused", async ({ page, site }) => {
  await openPackage(page, site);
  await page.route("**/model/*.onnx", async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  expect((await refusal(page)).code).toBe("model_broken");
});

test("a file that a cache damaged is fetched once more, past the cache", async ({ page, site }) => {
  await openPackage(page, site);
  let asked = 0;
  await page.route("**/routing-*.nsr", async (route) => {
    asked++;
    if (asked > 1) return route.continue();
    const response = await route.fetch();
    const body = await response.body();
    body[40] = (body[40] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  const epoch = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    await search.close();
    return search.epoch;
  });
  expect(epoch).toBeGreaterThanOrEqual(0);
  expect(asked).toBe(2);
});

test("a connection that fails half-way is told, and a second try succeeds", async ({ page, site }) => {
  await openPackage(page, site);
  let broken = true;
  await page.route("**/cells-*.nss", (route) => (broken ? route.abort("connectionreset") : route.continue()));
  const { code, message } = await refusal(page);
  expect(code).toBe("network_failed");
  expect(message).toContain("cells-");
  broken = false;
  const hits = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const result = await search.search({ id: 0 });
    await search.close();
    return result.hits.length;
  });
  expect(hits).toBeGreaterThan(0);
});

test("the page offers to try again after a failed connection, and then works", async ({ page, site }) => {
  let broken = true;
  await page.route("**/model/*.onnx", (route) => (broken ? route.abort("connectionreset") : route.continue()));
  await page.goto(site.url);
  await expect(page.getByRole("alert")).toContainText("The connection failed");
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.locator("#status-text")).toHaveText(/^Ready/);
  await page.locator("#choose").setInputFiles(`${GALLERY}/${gallery()[0] ?? ""}`);
  await answer(page);
});

test("a worker that is not there is told, with its address", async ({ page, site }) => {
  await openPackage(page, site);
  const { code, message } = await refusal(page, { worker: `${site.url}nowhere/worker.js` });
  expect(code).toBe("worker_failed");
  expect(message).toContain("nowhere/worker.js");
});

test("a search after close is refused, and a second close does nothing", async ({ page, site }) => {
  await openPackage(page, site);
  const codes = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    // What waits when the search is closed is settled too.
    const waiting = search.search({ id: 0 }).then(() => "answered", (error: { code: string }) => error.code);
    await search.close();
    await search.close();
    const late = search.search({ id: 0 }).then(() => "answered", (error: { code: string }) => error.code);
    return Promise.all([waiting, late, search.embed({ id: 0 }).then(() => "answered", (error: { code: string }) => error.code)]);
  });
  expect(codes).toEqual(["closed", "closed", "closed"]);
});

test("an abort before, during and after a search leaves the worker usable", async ({ page, site }) => {
  await openPackage(page, site);
  const result = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const picture = (await search.records()).find((record) => record.thumb !== null)?.thumb ?? "";
    const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => "answered", (error: { code: string }) => error.code);

    const before = new AbortController();
    before.abort();
    const first = await outcome(search.search(picture, { signal: before.signal }));

    const during: string[] = [];
    for (const delayMs of [0, 1, 3, 8, 20]) {
      const controller = new AbortController();
      const work = outcome(search.search(picture, { signal: controller.signal }));
      setTimeout(() => controller.abort(), delayMs);
      during.push(await work);
    }

    const after = new AbortController();
    const last = await outcome(search.search(picture, { signal: after.signal }));
    after.abort();
    const then = await search.search(picture, { k: 5 });
    await search.close();
    return { first, during, last, hits: then.hits.length };
  });
  expect(result.first).toBe("aborted");
  expect(result.during[0]).toBe("aborted");
  expect(result.during.every((code) => code === "aborted" || code === "answered")).toBe(true);
  expect(result.last).toBe("answered");
  expect(result.hits).toBe(5);
});

test("an abort while the index is opened ends the opening", async ({ page, site }) => {
  await openPackage(page, site);
  const code = await page.evaluate(async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    return window.nearsight.createImageSearch({ index: "/", signal: controller.signal }).then(() => "opened", (error: { code: string }) => error.code);
  });
  expect(code).toBe("aborted");
});

test("a panic in the module replaces the worker, and the search is answered again", async ({ page, site }) => {
  await openPackage(page, site);
  const { hits, again } = await page.evaluate(async () => {
    let started = 0;
    const search = await window.nearsight.createImageSearch({
      index: "/",
      worker: () => {
        started++;
        return new Worker("/stand-ins/panicking-worker.js", { type: "module" });
      },
    });
    const expected = (await search.search({ id: 3 })).hits.map((hit) => hit.id);
    const channel = new BroadcastChannel("trap");
    channel.postMessage("once");
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Two at once: both are answered by the fresh worker.
    const results = await Promise.all([search.search({ id: 3 }), search.search({ id: 3 })]);
    await search.close();
    if (started !== 2) throw new Error(`${started} workers were started`);
    return { hits: expected, again: results.map((result) => result.hits.map((hit) => hit.id)) };
  });
  expect(again).toEqual([hits, hits]);
});

test("a module that panics every time is the caller's error", async ({ page, site }) => {
  await openPackage(page, site);
  const code = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/", worker: () => new Worker("/stand-ins/panicking-worker.js?always", { type: "module" }) });
    const outcome = await search.search({ id: 3 }).then(() => "answered", (error: { code: string }) => error.code);
    await search.close();
    return outcome;
  });
  expect(code).toBe("worker_failed");
});

test("what cannot be searched for is refused in words", async ({ page, site }) => {
  await openPackage(page, site);
  const codes = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => "answered", (error: { code: string }) => error.code);
    const codes = [
      await outcome(search.search(new Blob([]))),
      await outcome(search.search(new Blob(["no picture"]))),
      await outcome(search.search(new Float32Array(3))),
      await outcome(search.search(new Float32Array(search.dimension).fill(NaN))),
      await outcome(search.search({ id: 4_000_000_000 })),
      await outcome(search.search({ id: 1 }, { k: 0 })),
      await outcome(search.search({ id: 1 }, { recall: 7 })),
      await outcome(search.search(null as unknown as Blob)),
    ];
    await search.close();
    return codes;
  });
  expect(codes).toEqual(["picture_empty", "picture_unsupported", "query_invalid", "query_invalid", "query_invalid", "query_invalid", "query_invalid", "query_invalid"]);
});
