// Builds the site that the tests look at: www/gallery through the real command line, with the real page.

import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COARSE, GALLERY, PAGE, PACKAGE, RESULTS, SITE, nearsight, root } from "./site.js";

export default function setUp(): void {
  for (const needed of [GALLERY, PAGE, PACKAGE]) {
    if (!existsSync(needed)) throw new Error(`${needed} is missing: run "npm run build" first.`);
  }
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS, { recursive: true });
  nearsight("build", GALLERY, "-o", SITE, "--page", PAGE, "--quiet");
  // The package itself, for tests of its interface, and a page that does nothing.
  cpSync(PACKAGE, join(SITE, "package"), { recursive: true });
  writeFileSync(join(SITE, "blank.html"), "<!doctype html><html lang=en><link rel=icon href=data:,><title>blank</title>");
  cpSync(join(root, "tests/browser/stand-ins"), join(SITE, "stand-ins"), { recursive: true });
  // The same pictures in a few large cells: there is something to gain by dividing them.
  cpSync(SITE, COARSE, { recursive: true });
  nearsight("build", GALLERY, "-o", COARSE, "--page", PAGE, "--cells", "12", "--quiet");
}
