// Hits → the grid. A hit is a button that searches for its picture.

import type { Hit, PictureRecord } from "nearsight";
import { element, make } from "./elements.js";
import { name } from "./words.js";

/** The longest side of a thumbnail, where its size is reserved before it has come. */
const THUMB_SIDE = 240;
/** This many load at once; the rest as they come into view. */
const EAGER = 6;

export function showHits(hits: readonly Hit[], onOpen: (hit: Hit) => void): void {
  const grid = element("grid", HTMLOListElement);
  grid.replaceChildren(...hits.map((hit) => card(hit, onOpen)));
  element("results-title", HTMLHeadingElement).hidden = hits.length === 0;
}

/** Keeps what is shown while the next answer is on its way, but says that it is the last one's. */
export function dimHits(dimmed: boolean): void {
  element("grid", HTMLOListElement).classList.toggle("waiting", dimmed);
}

export function thumbnail(record: PictureRecord, eager: boolean): HTMLImageElement {
  const image = make("img");
  image.alt = name(record);
  image.loading = eager ? "eager" : "lazy";
  image.decoding = "async";
  const longest = Math.max(record.width, record.height);
  const scale = longest === 0 ? 1 : Math.min(1, THUMB_SIDE / longest);
  image.width = Math.max(1, Math.round((record.width || THUMB_SIDE) * scale));
  image.height = Math.max(1, Math.round((record.height || THUMB_SIDE) * scale));
  if (record.thumb !== null) image.src = record.thumb;
  return image;
}

function card(hit: Hit, onOpen: (hit: Hit) => void): HTMLLIElement {
  const item = make("li", "card");
  const open = make("button", "open");
  open.type = "button";
  open.dataset["id"] = String(hit.id);
  open.title = "Find pictures like this one";
  const frame = make("span", "frame");
  frame.append(hit.thumb === null ? make("span", "no-picture", "No thumbnail") : thumbnail(hit, hit.position < EAGER));
  const line = make("span", "line");
  const score = make("span", "score", hit.score.toFixed(3));
  score.title = "Cosine similarity: 1 is the same picture";
  line.append(make("span", "name", name(hit)), score);
  open.append(frame, line);
  open.addEventListener("click", () => onOpen(hit));
  item.append(open);
  if (hit.url !== null) {
    const link = make("a", "visit", "Open");
    link.href = hit.url;
    link.rel = "noopener";
    link.setAttribute("aria-label", `Open the page of ${name(hit)}`);
    item.append(link);
  }
  return item;
}
