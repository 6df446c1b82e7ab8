// Light or dark: what the system says, until the visitor chooses.

import { element } from "./elements.js";

const KEY = "nearsight-theme";

export function setUpTheme(): void {
  const root = document.documentElement;
  const stored = read();
  if (stored !== null) root.dataset["theme"] = stored;
  element("theme", HTMLButtonElement).addEventListener("click", () => {
    const dark = (root.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const chosen = dark ? "light" : "dark";
    root.dataset["theme"] = chosen;
    keep(chosen);
  });
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    // Storage may be switched off; the page works without.
    return null;
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}
