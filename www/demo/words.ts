// Numbers and failures → words for people.

import { NearsightError, type PictureRecord } from "nearsight";

const whole = new Intl.NumberFormat("en");

export function count(value: number): string {
  return whole.format(value);
}

export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 10_000 ? 1 : 0)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

export function milliseconds(value: number): string {
  if (value === 0) return "–";
  if (value < 10) return `${value.toFixed(1)} ms`;
  return `${count(Math.round(value))} ms`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 99.95 ? "100" : value.toFixed(value >= 99 ? 1 : 0)} %`;
}

/** What a picture is called: its title, or its file's name. */
export function name(record: PictureRecord): string {
  return record.title ?? record.path.split("/").at(-1) ?? `Picture ${record.id}`;
}

/** What went wrong, and what a visitor can do. */
export function trouble(error: unknown): string {
  if (!(error instanceof NearsightError)) return `Something unexpected happened: ${String(error)}`;
  switch (error.code) {
    case "picture_empty":
      return "That file is empty. Choose another picture.";
    case "picture_unsupported":
      return "That kind of file cannot be read here. JPEG, PNG, WebP and GIF can.";
    case "picture_broken":
      return "That picture is damaged or was cut short. Export or download it again.";
    case "picture_too_large":
      return "That picture is too large to open safely. Make it smaller and try again.";
    case "network_failed":
      return `The connection failed. ${error.message}`;
    case "wasm_unsupported":
      return `This browser is too old for searching on the device. ${error.message}`;
    case "worker_failed":
      return `The search stopped working, probably for lack of memory. Try again. (${error.message})`;
    default:
      return error.message;
  }
}
