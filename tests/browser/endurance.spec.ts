// What must hold for a page that stays open: memory that stands still, a page that answers at once.

import { openPackage } from "./package_page.js";
import { answer, expect, openPage, test } from "./site.js";

const SEARCHES = 10_000;
const PICTURES = 300;

test(`${SEARCHES} searches leave the module's memory where it was`, async ({ page, site }) => {
  test.setTimeout(300_000);
  await openPackage(page, site);
  const memory = await page.evaluate(
    async ([searches, pictures]) => {
      const search = await window.nearsight.createImageSearch({ index: "/" });
      const thumb = (await search.records()).find((record) => record.thumb !== null)?.thumb ?? "";
      const blob = await (await fetch(thumb)).blob();
      const wasmBytes = async (): Promise<number> => (await search.memory()).wasmBytes;
      // The first of each kind reserve what later ones use again.
      for (let i = 0; i < 50; i++) await search.search({ id: i % search.pictures }, { k: 24 });
      for (let i = 0; i < 5; i++) await search.search(blob);
      const before = await wasmBytes();
      for (let i = 0; i < searches; i++) await search.search({ id: i % search.pictures }, { k: 24, exact: i % 50 === 0 });
      const afterSearches = await wasmBytes();
      for (let i = 0; i < pictures; i++) await search.search(blob);
      const afterPictures = await wasmBytes();
      await search.close();
      return { before, afterSearches, afterPictures };
    },
    [SEARCHES, PICTURES] as const,
  );
  expect(memory.afterSearches).toBe(memory.before);
  expect(memory.afterPictures).toBe(memory.before);
});

test("the page answers at once while a photo of 12 megapixels is searched for", async ({ page, site }) => {
  await openPackage(page, site);
  const { longestMs, bytes, decodeMs } = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(4000, 3000);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    for (let i = 0; i < 3000; i++) {
      context.fillStyle = `hsl(${(i * 47) % 360} 70% ${30 + (i % 50)}%)`;
      context.fillRect((i * 397) % 4000, (i * 211) % 3000, 20 + (i % 190), 20 + (i % 130));
    }
    const photo = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    const search = await window.nearsight.createImageSearch({ index: "/" });
    await search.search(photo);

    // A frame's delay is what a visitor would feel; a timer runs on the same thread and needs no screen.
    let longestMs = 0;
    let last = performance.now();
    let watching = true;
    const channel = new MessageChannel();
    channel.port1.onmessage = (): void => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - last);
      last = now;
      if (watching) setTimeout(() => channel.port2.postMessage(null), 1);
    };
    channel.port2.postMessage(null);
    const { stats } = await search.search(photo);
    watching = false;
    await search.close();
    return { longestMs, bytes: photo.size, decodeMs: stats.decodeMs };
  });
  expect(bytes).toBeGreaterThan(500_000);
  expect(decodeMs).toBeGreaterThan(5);
  // Decoding alone takes longer than this; a page that waited for it would stand still for all of it.
  expect(longestMs).toBeLessThan(50 + decodeMs / 2);
});

test("a closed search gives its worker back", async ({ page, site }) => {
  await openPackage(page, site);
  await page.evaluate(async () => {
    for (let i = 0; i < 3; i++) {
      const search = await window.nearsight.createImageSearch({ index: "/" });
      await search.search({ id: i });
      await search.close();
    }
  });
  await expect.poll(() => page.workers().length).toBe(0);
});

test("a cold page shows its first result soon", async ({ page, site }) => {
  await page.goto("about:blank");
  const started = Date.now();
  await openPage(page, site);
  await page.locator(".sample").first().click();
  await answer(page);
  const tookMs = Date.now() - started;
  test.info().annotations.push({ type: "cold start", description: `${tookMs} ms` });
  // Far above the target of 1.5 s, which a busy machine may miss: this fails for a page that waits for something.
  expect(tookMs).toBeLessThan(10_000);
});
