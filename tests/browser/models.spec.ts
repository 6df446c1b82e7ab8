// Which of the two modules a page loads: the plain one for a plain network such as the default model, the larger one for any other.

import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readNpy } from "./npy.js";
import { openPackage, type Refusal } from "./package_page.js";
import { GALLERY, PAGE, RESULTS, SITE, answer, drop, expect, gallery, galleryBytes, nearsight, openPage, root, serve, test, type Site } from "./site.js";
import type { Page } from "@playwright/test";

/** Takes bytes, colours interleaved, and transposes: nothing of that is plain. */
const MODEL = join(root, "tests/fixtures/models/bytes-interleaved.onnx");
const PICTURES = 40;
const photos = join(RESULTS, "few");
const folder = join(RESULTS, "any-model");

test.beforeAll(() => {
  rmSync(photos, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(photos, { recursive: true });
  for (const [at, name] of gallery().slice(0, PICTURES).entries()) copyFileSync(join(GALLERY, name), join(photos, `${at}-${basename(name)}`));
  nearsight("build", photos, "-o", folder, "--model", MODEL, "--page", PAGE, "--quiet");
  cpSync(join(SITE, "package"), join(folder, "package"), { recursive: true });
  cpSync(join(SITE, "blank.html"), join(folder, "blank.html"));
});

/** The modules that a page asks for from now on, by what they are called before their hash. */
function modules(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const name = /([\w]+)(-\w{8})?\.wasm$/.exec(request.url())?.[1];
    if (name !== undefined) asked.push(name);
  });
  return asked;
}

function modulesIn(site: string): string[] {
  return readdirSync(join(site, "assets")).filter((name) => name.endsWith(".wasm")).map((name) => name.replace(/-\w{8}\.wasm$/, ""));
}

async function served(work: (site: Site) => Promise<void>): Promise<void> {
  const site = await serve(folder);
  try {
    await work(site);
  } finally {
    await site.stop();
  }
}

test("a page with the default model has and loads the plain module alone", async ({ page, site }) => {
  const asked = modules(page);
  await openPage(page, site);
  await drop(page, "one.jpg", galleryBytes(gallery()[0] ?? ""));
  await answer(page);
  await page.waitForLoadState("networkidle");
  expect(asked).toEqual(["nearsight_bg"]);
  expect(modulesIn(SITE)).toEqual(["nearsight_bg"]);
});

test("a page with another model has and loads the larger module alone, and searches", async ({ page }) => {
  await served(async (site) => {
    const asked = modules(page);
    await openPage(page, site);
    const name = gallery()[1] ?? "";
    await drop(page, basename(name), galleryBytes(name));
    await answer(page);
    expect(Number(await page.locator("#grid .score").first().textContent())).toBeGreaterThan(0.99);
    expect(asked).toEqual(["nearsight_any_model_bg"]);
    expect(modulesIn(folder)).toEqual(["nearsight_any_model_bg"]);
  });
});

/** The vectors of the few pictures by the fixture, in the page. `model`: given to it, rather than named by the index. */
async function vectors(page: Page, files: readonly string[], model: boolean): Promise<number[][]> {
  const content = { onnx: [...readFileSync(MODEL)], sidecar: [...readFileSync(MODEL.replace(".onnx", ".json"))], files: files.map((file) => [...readFileSync(file)]) };
  return page.evaluate(
    async ([{ onnx, sidecar, files }, model]) => {
      const given = { onnx: Uint8Array.from(onnx), sidecar: Uint8Array.from(sidecar) };
      const search = await window.nearsight.createImageSearch({ index: "/", ...(model ? { model: given } : {}) });
      const vectors: number[][] = [];
      for (const file of files) vectors.push([...(await search.embed(new Blob([Uint8Array.from(file)])))]);
      const { hits } = await search.search(Float32Array.from(vectors[0] ?? []), { k: 1 });
      if ((hits[0]?.score ?? 0) < 0.99) throw new Error("the first picture does not find itself");
      await search.close();
      return vectors;
    },
    [content, model] as const,
  );
}

test("the larger module makes the builder's vectors, and stands in beside the plain one where a model turns out not to be plain", async ({ page }) => {
  const npy = join(RESULTS, "any-model.npy");
  nearsight("embed", photos, "-o", npy, "--model", MODEL, "--quiet");
  const files = readFileSync(join(RESULTS, "any-model.names.txt"), "utf8").trim().split("\n").slice(0, 8).map((name) => join(photos, name));
  const built = readNpy(npy);
  await served(async (site) => {
    await openPackage(page, site);
    const asked = modules(page);
    const named = await vectors(page, files, false);
    expect(asked).toEqual(["nearsight_any_model_bg"]);
    asked.length = 0;
    // Of a model that the page gives, nothing is known before.
    const given = await vectors(page, files, true);
    expect(asked).toEqual(["nearsight_bg", "nearsight_any_model_bg"]);
    expect(given).toEqual(named);
    for (const [at, vector] of named.entries()) {
      const cosine = vector.reduce((sum, value, place) => sum + value * (built[at]?.[place] ?? 0), 0);
      expect(cosine).toBeGreaterThan(0.9999);
    }
  });
});

test("a module that was given is used as it is: the larger one for every model, the plain one refuses what it cannot run", async ({ page }) => {
  await served(async (site) => {
    await openPackage(page, site);
    const open = (wasm: string): Promise<Refusal | number> =>
      page.evaluate(async (wasm) => {
        try {
          const search = await window.nearsight.createImageSearch({ index: "/", wasm });
          const { dimension } = search;
          await search.close();
          return dimension;
        } catch (error) {
          if (error instanceof window.nearsight.NearsightError) return { code: error.code, message: error.message };
          throw error;
        }
      }, wasm);
    expect(await open("/package/nearsight_any_model_bg.wasm")).toBe(8);
    const refused = await open("/package/nearsight_bg.wasm");
    expect(refused).toMatchObject({ code: "model_needs_any_model" });
    expect(refused).toMatchObject({ message: expect.stringContaining("nearsight/any-model/wasm") as unknown });
  });
});

test("a page whose model's lengths count shows distances, and refuses a model that brings vectors to unit length", async ({ page }) => {
  const byDistance = join(RESULTS, "by-distance");
  const model = join(RESULTS, "lengths.onnx");
  rmSync(byDistance, { recursive: true, force: true });
  copyFileSync(join(root, "tests/fixtures/models/plain.onnx"), model);
  const unit = readFileSync(join(root, "tests/fixtures/models/plain.json"), "utf8");
  const sidecar = JSON.parse(unit) as { output: { normalise: boolean }; reference?: unknown };
  sidecar.output.normalise = false;
  delete sidecar.reference;
  writeFileSync(model.replace(".onnx", ".json"), JSON.stringify(sidecar));
  nearsight("build", photos, "-o", byDistance, "--model", model, "--page", PAGE, "--quiet");
  cpSync(join(SITE, "package"), join(byDistance, "package"), { recursive: true });
  cpSync(join(SITE, "blank.html"), join(byDistance, "blank.html"));
  const site = await serve(byDistance);
  try {
    const name = gallery()[1] ?? "";
    await openPage(page, site);
    await drop(page, basename(name), galleryBytes(name));
    await answer(page);
    const first = page.locator("#grid .score").first();
    await expect(first).toHaveAttribute("title", /Euclidean distance/);
    const [nearest, farthest] = [Number(await first.textContent()), Number(await page.locator("#grid .score").last().textContent())];
    expect(nearest).toBeLessThan(0.1 * farthest);

    await openPackage(page, site);
    const content = { onnx: [...readFileSync(model)], unit, picture: [...galleryBytes(name)] };
    const found = await page.evaluate(async ({ onnx, unit, picture }) => {
      const search = await window.nearsight.createImageSearch({ index: "/" });
      const vector = await search.embed(new Blob([Uint8Array.from(picture)]));
      const { hits } = await search.search(vector, { k: 2 });
      const { metric } = search;
      await search.close();
      const given = { onnx: Uint8Array.from(onnx), sidecar: new TextEncoder().encode(unit) };
      const refusal = await window.nearsight.createImageSearch({ index: "/", model: given }).then(
        () => "opened",
        ({ code }: Refusal) => code,
      );
      return { metric, refusal, length: Math.hypot(...vector), distances: hits.map(({ distance }) => distance) };
    }, content);
    expect(found.metric).toBe("euclidean");
    expect(found.length).toBeGreaterThan(2);
    expect(found.distances[0]).toBeLessThan(0.1 * (found.distances[1] ?? 0) + 0.05);
    expect(found.refusal).toBe("model_mismatch");
  } finally {
    await site.stop();
  }
});
