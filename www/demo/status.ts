// The line that says what goes on, the words for what failed, and short notices.

import type { Progress } from "nearsight";
import { element } from "./elements.js";
import { bytes, trouble } from "./words.js";

export function showProgress(progress: Progress): void {
  const bar = element("progress", HTMLProgressElement);
  const { phase, loadedBytes, totalBytes } = progress;
  if (phase === "ready") {
    bar.hidden = true;
    return;
  }
  bar.hidden = false;
  if (totalBytes === null) bar.removeAttribute("value");
  else {
    bar.max = totalBytes;
    bar.value = Math.min(loadedBytes, totalBytes);
  }
  const amount = totalBytes === null ? "" : `: ${bytes(Math.min(loadedBytes, totalBytes))} of ${bytes(totalBytes)}`;
  say(phase === "warming" ? "Getting ready…" : `Loading the search${amount}`);
}

export function say(text: string): void {
  const line = element("status-text", HTMLParagraphElement);
  if (line.textContent !== text) line.textContent = text;
}

let again: (() => void) | null = null;

export function setUpTrouble(): void {
  element("retry", HTMLButtonElement).addEventListener("click", () => {
    const retry = again;
    clearTrouble();
    retry?.();
  });
}

export function showTrouble(error: unknown, retry: (() => void) | null): void {
  again = retry;
  element("progress", HTMLProgressElement).hidden = true;
  say("");
  element("trouble-text", HTMLParagraphElement).textContent = typeof error === "string" ? error : trouble(error);
  element("retry", HTMLButtonElement).hidden = retry === null;
  element("trouble", HTMLElement).hidden = false;
}

export function clearTrouble(): void {
  again = null;
  element("trouble", HTMLElement).hidden = true;
}

const NOTICE_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function notice(text: string): void {
  const toast = element("toast", HTMLElement);
  toast.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.textContent = "";
  }, NOTICE_MS);
}
