// What went wrong → an error with a stable code, in words, with the cause kept.
//
// An error crosses the worker as a plain object: not every browser can clone native errors.

import { CODES, type Code } from "./codes.js";

export type { Code } from "./codes.js";

/** An error as it crosses from the worker. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly cause?: string;
}

/** Every failure of this package. `code` is stable; `message` says what was found and what to do. */
export class NearsightError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "NearsightError";
    this.code = code;
  }
}

const known: ReadonlySet<string> = new Set(CODES);

function isCode(text: string): text is Code {
  return known.has(text);
}

/** Anything thrown → a NearsightError. `fallback` is the code of what has none of its own. */
export function toNearsightError(thrown: unknown, fallback: Code): NearsightError {
  if (thrown instanceof NearsightError) return thrown;
  if (isPlainError(thrown) && isCode(thrown.code)) {
    return new NearsightError(thrown.code, thrown.message, thrown.cause);
  }
  if (isAbort(thrown)) return abortedError(thrown);
  return new NearsightError(fallback, describe(thrown), thrown);
}

/** A NearsightError → what crosses the worker. */
export function toPlainError(error: NearsightError): PlainError {
  const plain = { code: error.code, message: error.message };
  return error.cause === undefined ? plain : { ...plain, cause: describe(error.cause) };
}

export function abortedError(reason: unknown): NearsightError {
  return new NearsightError("aborted", "The work was aborted by its signal.", reason);
}

/** Throws `aborted` when the signal has fired. */
export function refuseIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal.reason);
}

export function describe(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  if (typeof thrown === "string") return thrown;
  if (isPlainError(thrown)) return thrown.message;
  return String(thrown);
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}

function isPlainError(thrown: unknown): thrown is PlainError {
  return (
    typeof thrown === "object" &&
    thrown !== null &&
    "code" in thrown &&
    typeof thrown.code === "string" &&
    "message" in thrown &&
    typeof thrown.message === "string"
  );
}
