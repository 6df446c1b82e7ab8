// The builder and the browser make the same vector of the same file, whatever its format.

import { mkdirSync, readFileSync, readdirSync, copyFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { readNpy } from "./npy.js";
import { openPackage } from "./package_page.js";
import { GALLERY, RESULTS, expect, gallery, nearsight, root, test } from "./site.js";

const FILES = 200;

test(`${FILES} files of all formats have the same vectors and neighbours on both sides`, async ({ page, site }) => {
  test.setTimeout(300_000);
  const fixtures = join(root, "tests/fixtures/pictures");
  const formats = readdirSync(fixtures).filter((name) => /\.(jpe?g|png|webp|gif)$/i.test(name)).map((name) => join(fixtures, name));
  const step = gallery().length / (FILES - formats.length);
  const pictures = Array.from({ length: FILES - formats.length }, (_, at) => join(GALLERY, gallery()[Math.floor(at * step)] ?? ""));
  const folder = join(RESULTS, "agreement");
  mkdirSync(folder, { recursive: true });
  for (const [at, path] of [...formats, ...pictures].entries()) {
    copyFileSync(path, join(folder, `${String(at).padStart(3, "0")}-${basename(path)}`));
  }

  const npy = join(RESULTS, "agreement.npy");
  nearsight("embed", folder, "-o", npy, "--quiet");
  const names = readFileSync(join(RESULTS, "agreement.names.txt"), "utf8").trim().split("\n").map((name) => basename(name));
  const built = readNpy(npy);
  expect(names.length).toBeGreaterThan(FILES - 20);
  const kinds = new Set(names.map((name) => extname(name).toLowerCase().replace("jpeg", "jpg")));
  expect([...kinds].sort()).toEqual([".gif", ".jpg", ".png", ".webp"]);

  // The files come to the browser over an address of their own, as a visitor's would from a disk.
  await openPackage(page, site);
  await page.route("**/given/*", (route) => route.fulfill({ body: readFileSync(join(folder, decodeURIComponent(basename(new URL(route.request().url()).pathname)))), contentType: "application/octet-stream" }));
  const { vectors, tops } = await page.evaluate(async (given) => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const vectors: number[][] = [];
    const tops: number[][] = [];
    for (const name of given) {
      const blob = await (await fetch(`/given/${encodeURIComponent(name)}`)).blob();
      const vector = await search.embed(blob);
      vectors.push([...vector]);
      tops.push((await search.search(blob, { k: 10, exact: true })).hits.map((hit) => hit.id));
    }
    await search.close();
    return { vectors, tops };
  }, names);

  // To the bit: decoders, resize and network round alike on both sides.
  const other = names.filter((_, at) => JSON.stringify(vectors[at]) !== JSON.stringify(built[at]));
  expect(other).toEqual([]);

  const expected = await page.evaluate(async (given) => {
    const search = await window.nearsight.createImageSearch({ index: "/" });
    const tops: number[][] = [];
    for (const vector of given) tops.push((await search.search(Float32Array.from(vector), { k: 10, exact: true })).hits.map((hit) => hit.id));
    await search.close();
    return tops;
  }, built);
  expect(tops).toEqual(expected);
});
