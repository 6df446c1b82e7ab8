// Every form in which a picture may be given leads to the same pictures; options do what they say.

import { openPackage } from "./package_page.js";
import { expect, test } from "./site.js";

test("a picture finds itself in every form it may be given", async ({ page, site }) => {
  await openPackage(page, site);
  const found = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const record = (await search.records()).find((one) => one.id === 7);
    const address = record?.thumb ?? "";
    const blob = await (await fetch(address)).blob();
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0);
    const pixels = context?.getImageData(0, 0, bitmap.width, bitmap.height);
    const image = new Image();
    image.src = address;
    const vector = await search.embed(blob);
    const inputs = { blob, file: new File([blob], "a.jpg"), bitmap, pixels, image, address, url: new URL(address), vector };
    const found: Record<string, number | undefined> = {};
    for (const [name, input] of Object.entries(inputs)) {
      if (input === undefined) throw new Error(`no ${name}`);
      found[name] = (await search.search(input, { k: 3 })).hits[0]?.id;
    }
    // The caller's bitmap is still the caller's.
    if (bitmap.width === 0) throw new Error("the bitmap was taken away");
    const length = Math.hypot(...vector);
    await search.close();
    return { found, length };
  });
  expect(Object.values(found.found)).toEqual(Array(8).fill(7));
  expect(found.length).toBeCloseTo(1, 5);
});

test("a picture in a format that only the browser knows is searched for too", async ({ page, site }) => {
  await openPackage(page, site);
  const hits = await page.evaluate(async () => {
    // A bitmap file by hand: 8 x 8 pixels, 24 bits each.
    const bytes = new DataView(new ArrayBuffer(54 + 192));
    for (const [at, letter] of [..."BM"].entries()) bytes.setUint8(at, letter.charCodeAt(0));
    for (const [at, value] of [[2, 246], [10, 54], [14, 40], [18, 8], [22, 8], [34, 192]] as const) bytes.setUint32(at, value, true);
    bytes.setUint16(26, 1, true);
    bytes.setUint16(28, 24, true);
    for (let at = 54; at < 246; at++) bytes.setUint8(at, (at * 37) % 256);
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const { hits } = await search.search(new Blob([bytes.buffer]), { k: 4 });
    await search.close();
    return hits.length;
  });
  expect(hits).toBe(4);
});

test("filters, k and scores are kept, and an exact search has seen everything", async ({ page, site }) => {
  await openPackage(page, site);
  const result = await page.evaluate(async () => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const even = await search.search({ id: 5 }, { k: 12, filter: (record) => record.id % 2 === 0 });
    const near = await search.search({ id: 5 }, { k: 500, minScore: 0.5 });
    const exact = await search.search({ id: 5 }, { k: 10, exact: true });
    const again = await search.search({ id: 5 }, { k: 10, recall: 1 });
    const pictures = search.pictures;
    await search.close();
    return {
      even: even.hits.map((hit) => hit.id),
      lowest: Math.min(...near.hits.map((hit) => hit.score)),
      exact: exact.hits.map((hit) => hit.id),
      again: again.hits.map((hit) => hit.id),
      stats: exact.stats,
      pictures,
    };
  });
  expect(result.even).toHaveLength(12);
  expect(result.even.every((id) => id % 2 === 0)).toBe(true);
  expect(result.lowest).toBeGreaterThanOrEqual(0.5);
  expect(result.exact).not.toContain(5);
  expect(result.exact).toEqual(result.again);
  expect(result.stats.vectorsScanned).toBe(result.pictures);
  // All but what the codes lose.
  expect(result.stats.confidence).toBeGreaterThan(0.98);
});

test("near-duplicates and the pictures of one owner make room for others", async ({ page, site }) => {
  await openPackage(page, site);
  const result = await page.evaluate(async () => {
    const run = async (preload: "all" | "routing") => {
      const search = await window.nearsight.createImageSearch({ index: "/", preload });
      const usual = await search.search({ id: 5 }, { k: 24 });
      const distinct = await search.search({ id: 5 }, { k: 24, distinct: 0.7 });
      const same = await search.search({ id: 5 }, { k: 24, distinct: true, perOwner: 24 });
      const owned = await search.search({ id: 5 }, { k: 24, perOwner: 3, exact: true });
      const owners = (await search.records()).filter((record) => record.owner !== null).length;
      const refused = await search.search({ id: 5 }, { perOwner: 0 }).catch((error: { code: string }) => error.code);
      await search.close();
      const ids = (answer: typeof usual) => answer.hits.map((hit) => hit.id);
      return { usual: ids(usual), distinct: ids(distinct), same: ids(same), owned: owned.hits.map((hit) => hit.owner), owners, refused };
    };
    return { whole: await run("all"), lazy: await run("routing") };
  });
  const { whole, lazy } = result;
  expect(lazy).toEqual(whole);
  expect(whole.distinct).toHaveLength(24);
  expect(whole.distinct).not.toEqual(whole.usual);
  expect(whole.distinct[0]).toBe(whole.usual[0]);
  expect(whole.same).toHaveLength(24);
  // The gallery has one owner.
  expect(whole.owners).toBeGreaterThan(100);
  expect(whole.owned.filter((owner) => owner !== null)).toHaveLength(3);
  expect(whole.refused).toBe("query_invalid");
});

test("cells that come as they are needed give the answers of cells that are all there", async ({ page, site }) => {
  await openPackage(page, site);
  const { lazy, whole, fetched, loadedLazily, loadedWhole } = await page.evaluate(async () => {
    const ids = [1, 20, 33];
    const run = async (preload: "all" | "routing") => {
      const search = await window.nearsight.createImageSearch({ index: "/", preload });
      const loaded = (await search.memory()).loadedBytes;
      const vector = await search.embed((await (await fetch((await (await window.nearsight.createImageSearch({ index: "/" })).records())[0]?.thumb ?? "")).blob()));
      const first = await search.search(vector, { k: 10 });
      const answers = [first.hits.map((hit) => [hit.id, hit.score])];
      for (const id of ids) answers.push((await search.search({ id }, { k: 10 })).hits.map((hit) => [hit.id, hit.score]));
      await search.close();
      return { answers, loaded, fetched: first.stats.bytesFetched };
    };
    const whole = await run("all");
    const lazy = await run("routing");
    return { lazy: lazy.answers, whole: whole.answers, fetched: [whole.fetched, lazy.fetched], loadedLazily: lazy.loaded, loadedWhole: whole.loaded };
  });
  expect(lazy).toEqual(whole);
  expect(fetched[0]).toBe(0);
  expect(fetched[1]).toBeGreaterThan(0);
  expect(loadedLazily).toBeLessThan(loadedWhole);
});

test("progress counts up to a total that is true", async ({ page, site }) => {
  await openPackage(page, site);
  const seen = await page.evaluate(async () => {
    const seen: { phase: string; loadedBytes: number; totalBytes: number | null }[] = [];
    const search = await window.nearsight.createImageSearch({ index: "/", onProgress: (progress) => seen.push(progress) });
    await search.close();
    return seen;
  });
  const last = seen.at(-1);
  expect(seen[0]?.phase).toBe("starting");
  expect(last?.phase).toBe("ready");
  expect(last?.loadedBytes).toBe(last?.totalBytes);
  expect(seen.every(({ loadedBytes }, at) => at === 0 || loadedBytes >= (seen[at - 1]?.loadedBytes ?? 0))).toBe(true);
});

test("the module and the model may be given as bytes", async ({ page, site }) => {
  await openPackage(page, site);
  const hits = await page.evaluate(async () => {
    const bytes = async (address: string): Promise<ArrayBuffer> => (await fetch(address)).arrayBuffer();
    const manifest = (await (await fetch("/manifest.json")).json()) as { model: { onnx: { name: string }; sidecar: { name: string } } };
    const wasm = await WebAssembly.compile(await bytes("/package/nearsight_bg.wasm"));
    const model = { onnx: await bytes(`/${manifest.model.onnx.name}`), sidecar: await bytes(`/${manifest.model.sidecar.name}`) };
    const search = await window.nearsight.createImageSearch({ index: "/", wasm, model });
    const thumb = (await search.records())[2]?.thumb ?? "";
    const { hits } = await search.search(thumb, { k: 3 });
    await search.close();
    return hits.map((hit) => hit.id);
  });
  expect(hits[0]).toBe(2);
});
