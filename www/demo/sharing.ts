// The switch with which a visitor shares what they open. Shown only where a server takes it.

import type { ImageSearch } from "nearsight";
import { element } from "./elements.js";

const KEY = "nearsight-consent";

/** The choice of an earlier visit. */
export function consented(): boolean {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    // Without storage there is no earlier choice.
    return false;
  }
}

export function setUpSharing(search: ImageSearch): void {
  const { offered, blocked, active } = search.sharing;
  element("share", HTMLElement).hidden = !offered;
  const consent = element("consent", HTMLInputElement);
  consent.checked = active;
  consent.disabled = blocked;
  if (blocked) {
    element("share-note", HTMLParagraphElement).textContent = "Your browser asks sites not to track you, so nothing is shared.";
  }
  consent.onchange = (): void => {
    search.consent(consent.checked);
    keep(consent.checked);
  };
}

function keep(given: boolean): void {
  try {
    if (given) localStorage.setItem(KEY, "yes");
    else localStorage.removeItem(KEY);
  } catch {
    // The choice then lasts as long as the page.
  }
}
