// An address → its bytes, with what goes wrong told in words.
//
// Sizes are known from the manifest, so a body that is cut short is a failure here and not a riddle
// later. A server that answers an unknown address with its start page is the most frequent mistake of
// all: such an answer is named as what it is. Hashes are checked in the module.

import { NearsightError, abortedError, describe } from "./errors.js";
import type { Code } from "./codes.js";

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly cache?: RequestCache;
  /** Of a file these bytes only. The answer may all the same be the whole file, with status 200. */
  readonly range?: { readonly offset: number; readonly bytes: number };
  /** Told of each piece of the decoded body. */
  readonly onBytes?: (bytes: number) => void;
  /** What to call it when the server sends a web page instead. */
  readonly htmlCode: Code;
  /** What the address should hold, in words: "the index's manifest". */
  readonly what: string;
}

export interface Downloaded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headers: Headers;
}

/** The answer of a server, refused where it is not a file. */
export async function request(url: string, options: DownloadOptions): Promise<Response> {
  const { range } = options;
  let response: Response;
  try {
    response = await fetch(url, {
      credentials: "same-origin",
      ...(options.cache === undefined ? {} : { cache: options.cache }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      // One plain range needs no leave from a server of another origin; fetch asks for it uncompressed by itself.
      ...(range === undefined ? {} : { headers: { range: `bytes=${range.offset}-${range.offset + range.bytes - 1}` } }),
    });
  } catch (cause) {
    throw failure(url, options, cause);
  }
  if (range !== undefined && response.status === 416) return response;
  if (!response.ok) {
    throw new NearsightError("network_failed", `${url} (${options.what}) answered with status ${response.status}${response.status === 404 ? ": nothing is there; is the address right, and was everything uploaded?" : "."}`);
  }
  if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) throw htmlError(url, options);
  return response;
}

export async function download(url: string, options: DownloadOptions): Promise<Downloaded> {
  const response = await request(url, options);
  const bytes = await readBody(response, url, options);
  if (looksLikeHtml(bytes)) throw htmlError(url, options);
  return { bytes, headers: response.headers };
}

/** The whole body, counted as it comes. */
export async function readBody(response: Response, url: string, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    if (response.body === null) return new Uint8Array(0);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      length += value.length;
      options.onBytes?.(value.length);
    }
  } catch (cause) {
    // What was counted did not arrive for good.
    options.onBytes?.(-length);
    throw failure(url, options, cause);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export function looksLikeHtml(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().toLowerCase();
  return start.startsWith("<!doctype") || start.startsWith("<html") || start.startsWith("<head") || start.startsWith("<!--");
}

function htmlError(url: string, options: DownloadOptions): NearsightError {
  return new NearsightError(
    options.htmlCode,
    `${url} should be ${options.what}, but the server sent a web page (HTML) from there. Servers do so when the file is missing: check the address, and that the file was uploaded.`,
  );
}

function failure(url: string, options: DownloadOptions, cause: unknown): NearsightError {
  if (options.signal?.aborted === true) return abortedError(options.signal.reason);
  return new NearsightError("network_failed", `${url} (${options.what}) could not be read: ${describe(cause)}. The connection may have failed half-way; try again.`, cause);
}
