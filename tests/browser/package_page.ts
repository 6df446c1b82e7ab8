// A bare page of the site in which the package is loaded, for tests of its interface.

import type { Page } from "@playwright/test";
import { visits, type Site } from "./site.js";

type Package = typeof import("nearsight");

declare global {
  interface Window {
    nearsight: Package;
  }
}

export async function openPackage(page: Page, site: Site): Promise<void> {
  visits(page, site);
  await page.goto(`${site.url}blank.html`);
  await page.evaluate(async (address) => {
    window.nearsight = (await import(address)) as Package;
  }, `${site.url}package/index.js`);
}

/** What the page's promise was refused with. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}
