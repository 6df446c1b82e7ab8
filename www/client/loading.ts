// Counts what is read, for honest totals.

import type { Progress } from "./types.js";

/** A message every this many bytes at most, so that a fast connection does not flood the page. */
const STEP_BYTES = 65_536;

export class Loading {
  readonly #report: (progress: Progress) => void;
  #phase: Progress["phase"] = "starting";
  #loaded = 0;
  #reported = 0;
  #total: number | null = null;

  constructor(report: (progress: Progress) => void) {
    this.#report = report;
    this.#send();
  }

  get loadedBytes(): number {
    return this.#loaded;
  }

  expect(totalBytes: number): void {
    this.#total = totalBytes;
    this.#phase = "loading";
    this.#send();
  }

  /** Something more is needed than was known. */
  expectMore(bytes: number): void {
    this.expect((this.#total ?? 0) + bytes);
  }

  readonly count = (bytes: number): void => {
    this.#loaded += bytes;
    if (Math.abs(this.#loaded - this.#reported) >= STEP_BYTES) this.#send();
  };

  phase(phase: Progress["phase"]): void {
    this.#phase = phase;
    this.#send();
  }

  #send(): void {
    this.#reported = this.#loaded;
    this.#report({ phase: this.#phase, loadedBytes: this.#loaded, totalBytes: this.#total });
  }
}
