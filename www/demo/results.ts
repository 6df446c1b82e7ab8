// Pictures → the grid. Each is a button that searches for more like it.

import type { Hit, Metric, PictureRecord } from "nearsight";
import { element, make } from "./elements.js";
import { name } from "./words.js";

/** The longest side of a thumbnail, where its size is reserved before it has come. */
const THUMB_SIDE = 240;
/** This many load at once; the rest as they come into view. */
const EAGER = 6;

export function showHits(hits: readonly Hit[], metric: Metric, onOpen: (hit: Hit) => void): void {
  show("Most alike", hits.map((hit) => card(hit, hit.position, nearness(hit, metric), () => onOpen(hit))));
}

/** Pictures to begin with, before anything was asked. */
export function showCollection(records: readonly PictureRecord[], onOpen: (record: PictureRecord) => void): void {
  show("From the collection", records.map((record, position) => card(record, position, null, () => onOpen(record))));
}

/** A number, and what it means. */
interface Nearness {
  readonly shown: string;
  readonly meaning: string;
}

function nearness(hit: Hit, metric: Metric): Nearness {
  return metric === "cosine"
    ? { shown: hit.score.toFixed(3), meaning: "Cosine similarity: 1 is the same picture" }
    : { shown: hit.distance.toPrecision(3), meaning: "Euclidean distance: 0 is the same picture" };
}

function show(title: string, cards: readonly HTMLLIElement[]): void {
  element("grid", HTMLOListElement).replaceChildren(...cards);
  const heading = element("results-title", HTMLHeadingElement);
  heading.textContent = title;
  heading.hidden = cards.length === 0;
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

function card(record: PictureRecord, position: number, near: Nearness | null, onOpen: () => void): HTMLLIElement {
  const item = make("li", "card");
  const open = make("button", "open");
  open.type = "button";
  open.dataset["id"] = String(record.id);
  open.title = "Find pictures like this one";
  const frame = make("span", "frame");
  frame.append(record.thumb === null ? make("span", "no-picture", "No thumbnail") : thumbnail(record, position < EAGER));
  const line = make("span", "line");
  line.append(make("span", "name", name(record)));
  if (near !== null) {
    const shown = make("span", "score", near.shown);
    shown.title = near.meaning;
    line.append(shown);
  }
  open.append(frame, line);
  open.addEventListener("click", onOpen);
  item.append(open);
  if (record.url !== null) {
    const link = make("a", "visit", "Open");
    link.href = record.url;
    link.rel = "noopener";
    link.setAttribute("aria-label", `Open the page of ${name(record)}`);
    item.append(link);
  }
  return item;
}
