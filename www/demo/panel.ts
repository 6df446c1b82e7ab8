// An answer's stats → the panel that tells what happened.

import type { Memory, Stats } from "nearsight";
import { element, make } from "./elements.js";
import { bytes, count, milliseconds, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

export function showStats(stats: Stats, memory: Memory): void {
  const facts = element("facts", HTMLDListElement);
  facts.replaceChildren(
    ...fact("Decode", "decode", milliseconds(stats.decodeMs)),
    ...fact("Embed", "embed", milliseconds(stats.embedMs)),
    ...fact("Search", "search", milliseconds(stats.searchMs)),
    ...fact("Cells probed", "cells", `${count(stats.cellsProbed)} of ${count(stats.cellsTotal)}`),
    ...fact("Pictures compared", "vectors", `${count(stats.vectorsScanned)} of ${count(stats.vectorsTotal)}`),
    ...fact("Expected recall", "confidence", percent(stats.confidence) + (stats.capped ? ", stopped early" : "")),
    ...fact("Read for this search", "fetched", bytes(stats.bytesFetched)),
    ...fact("Read in all", "loaded", bytes(memory.loadedBytes)),
    ...fact("Index epoch", "epoch", count(stats.epoch)),
  );
  showTime(stats);
  element("panel", HTMLElement).hidden = false;
}

function fact(label: string, key: string, value: string): HTMLElement[] {
  const answer = make("dd", "", value);
  answer.dataset["fact"] = key;
  return [make("dt", key, label), answer];
}

/** Decode, embed and search as parts of one bar. */
function showTime(stats: Stats): void {
  const parts = [["decode", stats.decodeMs], ["embed", stats.embedMs], ["search", stats.searchMs]] as const;
  const total = parts.reduce((sum, [, ms]) => sum + ms, 0);
  let at = 0;
  element("time", SVGSVGElement).replaceChildren(
    ...parts.map(([key, ms]) => {
      const bar = document.createElementNS(SVG, "rect");
      const width = total === 0 ? 0 : (ms / total) * 100;
      bar.setAttribute("class", key);
      bar.setAttribute("x", at.toFixed(2));
      bar.setAttribute("width", width.toFixed(2));
      bar.setAttribute("height", "4");
      at += width;
      return bar;
    }),
  );
}
