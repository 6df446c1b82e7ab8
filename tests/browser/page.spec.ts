// What a visitor does with the page.

import AxeBuilder from "@axe-core/playwright";
import { basename } from "node:path";
import type { Page } from "@playwright/test";
import { GALLERY, answer, drop, expect, gallery, galleryBytes, openPage, test } from "./site.js";

const PICTURE = gallery()[3] ?? "";

test("a dropped picture finds itself first, and the panel tells how", async ({ page, site }) => {
  await openPage(page, site);
  await drop(page, basename(PICTURE), galleryBytes(PICTURE));
  await answer(page);
  const first = page.locator("#grid .card").first();
  await expect(first.locator("img")).toHaveAttribute("src", /thumbs\//);
  expect(Number(await first.locator(".score").textContent())).toBeGreaterThan(0.99);
  await expect(page.locator("#query-caption")).toHaveText(basename(PICTURE));

  const fact = (key: string) => page.locator(`[data-fact="${key}"]`);
  for (const key of ["decode", "embed", "search"]) await expect(fact(key)).toHaveText(/^[\d.,]+ ms$/);
  await expect(fact("cells")).toHaveText(/^\d+ of \d+$/);
  await expect(fact("vectors")).toHaveText(/^[\d,]+ of [\d,]+$/);
  await expect(fact("confidence")).toHaveText(/^[\d.]+ %/);
  await expect(fact("loaded")).toHaveText(/MB$/);
  await expect(fact("epoch")).toHaveText(/^\d+$/);
});

test("a pasted picture and a chosen one give the same answer", async ({ page, site }) => {
  await openPage(page, site);
  await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
  const chosen = await answer(page);

  const bytes = galleryBytes(PICTURE).toString("base64");
  await page.evaluate((base64) => {
    document.querySelector("#grid")?.replaceChildren();
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], "pasted.jpg", { type: "image/jpeg" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
  }, bytes);
  await expect(page.locator("#query-caption")).toHaveText("pasted.jpg");
  await expect(page.locator("#grid .card")).toHaveCount(chosen.length);
  expect(await answer(page)).toEqual(chosen);
});

test("a click on a result searches for more like it, and the back button returns", async ({ page, site }) => {
  await openPage(page, site);
  await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
  const before = await answer(page);
  const second = page.locator("#grid .open").nth(1);
  const id = await second.getAttribute("data-id");
  await second.click();
  await expect(page.locator("#query-caption")).toHaveText(`Like ${before[1] ?? ""}`);
  await expect(page.locator('[data-fact="decode"]')).toHaveText("–");
  await expect(page.locator(`#grid [data-id="${id}"]`)).toHaveCount(0);
  await page.goBack();
  await expect(page.locator("#query-caption")).toHaveText(basename(PICTURE));
  await expect.poll(() => answer(page)).toEqual(before);
});

test("a sample is a question too", async ({ page, site }) => {
  await openPage(page, site);
  await page.locator(".sample").nth(2).click();
  await answer(page);
  expect(Number(await page.locator("#grid .score").first().textContent())).toBeGreaterThan(0.9);
});

test("the page asks its own server for what it needs and for nothing else", async ({ page, site }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(`${request.method()} ${request.url()}`));
  // Every picture that the page has shown at some time.
  await page.addInitScript(() => {
    const shown = new Set<string>();
    Object.assign(window, { shown });
    const look = (): void => document.querySelectorAll("img").forEach((image) => shown.add(image.src));
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] });
  });
  await openPage(page, site);
  await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
  await answer(page);
  await page.locator("#grid .open").nth(2).click();
  await expect(page.locator("#query-caption")).toHaveText(/^Like /);
  await answer(page);
  await page.waitForLoadState("networkidle");

  const kinds = /^GET (assets\/[\w-]+-[\w]{8}\.(js|css|wasm|svg)|manifest\.json|routing-[0-9a-f]{32}\.nsr|cells-[0-9a-f]{32}\.nss|records-[0-9a-f]{32}\.nsd|model\/[0-9a-f]{32}\.(onnx|json)|thumbs\/[\w.-]+)?$/;
  const odd = asked.filter((line) => !line.startsWith("GET blob:") && !kinds.test(line.replace(site.url, "")));
  expect(odd).toEqual([]);
  const shown = new Set(await page.evaluate(() => [...(window as unknown as { shown: Set<string> }).shown]));
  const thumbs = asked.filter((line) => line.includes("/thumbs/")).map((line) => line.replace("GET ", ""));
  expect(thumbs.length).toBeGreaterThan(0);
  expect(thumbs.filter((address) => !shown.has(address))).toEqual([]);
  expect(asked.filter((line) => line.endsWith(".wasm"))).toHaveLength(1);
});

test("a file that is no picture is refused in words, and the next one is answered", async ({ page, site }) => {
  await openPage(page, site);
  await page.locator("#choose").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture at all") });
  await expect(page.getByRole("alert")).toContainText("cannot be read here");
  await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
  await answer(page);
  await expect(page.getByRole("alert")).toBeHidden();
});

test("everything can be done with the keyboard", async ({ page, site }) => {
  await openPage(page, site);
  await page.keyboard.press("Tab");
  await expect(page.locator(".skip")).toBeFocused();
  await tabTo(page, "#theme");
  await tabTo(page, "#choose");
  await tabTo(page, ".sample");
  await page.keyboard.press("Enter");
  await answer(page);
  await tabTo(page, ".open");
  await page.keyboard.press("Enter");
  await expect(page.locator("#query-caption")).toHaveText(/^Like /);
});

async function tabTo(page: Page, selector: string): Promise<void> {
  for (let press = 0; press < 60; press++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
  }
  throw new Error(`The Tab key never came to ${selector}.`);
}

for (const theme of ["light", "dark"] as const) {
  test(`nothing bars anybody in the ${theme} page`, async ({ page, site }) => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await openPage(page, site);
    await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
    await answer(page);
    await expect(page.locator("#panel")).toBeVisible();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
  });
}

for (const width of [320, 360, 768, 1600]) {
  test(`a page of ${width} pixels never scrolls sideways`, async ({ page, site }) => {
    await page.setViewportSize({ width, height: 800 });
    await openPage(page, site);
    await page.locator("#choose").setInputFiles(`${GALLERY}/${PICTURE}`);
    await answer(page);
    const { scrollWidth, clientWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth }));
    expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
  });
}

test("the chosen theme stays", async ({ page, site }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await openPage(page, site);
  await page.locator("#theme").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});
