// Searches and clicks → events for the site's server, only with the visitor's consent.
//
// Without consent nothing is made, queued or sent, and taking consent back empties the queue. Do Not
// Track and Global Privacy Control win over consent. The session is a random number kept in memory:
// it ends with the page and is renewed each day. An event keeps its id over every attempt to send
// it, so the server counts it once; it leaves the queue when the server has confirmed the commit.

import { absolute } from "./assets.js";
import { describe } from "./errors.js";
import type { Event, Query } from "./event-types.js";
import type { EventOptions, Hit, SearchResult } from "./types.js";

/** The server takes at most this many at once, in a body of at most 256 KiB. */
const BATCH = 100;
const BATCH_BYTES = 200_000;
/** Browsers let requests outlive their page up to 64 KiB in all. */
const LEAVING_BYTES = 50_000;
/** A page that cannot reach its server keeps this many, then forgets the oldest. */
const QUEUE_LIMIT = 500;
/** Long enough to join an impression and its click, short enough that few are lost when a tab dies. */
const DELAY_MS = 1_500;
const LONGEST_DELAY_MS = 60_000;
const DAY_MS = 86_400_000;

export class EventQueue {
  readonly #given: EventOptions | undefined;
  #consent: boolean | (() => boolean);
  #endpoint: string | null = null;
  #queue: Event[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #delayMs = DELAY_MS;
  #sending: Promise<void> | null = null;
  #session = { id: "", since: 0 };
  readonly #onHidden = (): void => {
    if (document.visibilityState === "hidden") void this.flush(true);
  };

  constructor(given: EventOptions | undefined) {
    this.#given = given;
    this.#consent = given?.consent ?? false;
    if (given?.endpoint !== undefined) this.#endpoint = absolute(given.endpoint);
    document.addEventListener("visibilitychange", this.#onHidden);
  }

  get shareEmbedding(): boolean {
    return this.#given?.shareEmbedding === true;
  }

  get auditShare(): number {
    return this.#given?.auditShare ?? 0.02;
  }

  get offered(): boolean {
    return this.#endpoint !== null;
  }

  /** The browser itself says that its user does not want this. */
  get blocked(): boolean {
    const asked: { doNotTrack?: string | null; globalPrivacyControl?: boolean } = navigator;
    return asked.globalPrivacyControl === true || asked.doNotTrack === "1" || asked.doNotTrack === "yes";
  }

  get allowed(): boolean {
    if (this.#endpoint === null || this.blocked) return false;
    return typeof this.#consent === "function" ? this.#consent() === true : this.#consent === true;
  }

  /** What the server that holds the index offers; an endpoint given by the site wins. */
  learn(endpoint: string | null): void {
    if (this.#given?.endpoint === undefined) this.#endpoint = endpoint;
  }

  consent(given: boolean): void {
    this.#consent = given;
    if (given) return;
    this.#queue = [];
    this.#cancelTimer();
    this.#session = { id: "", since: 0 };
  }

  impression(result: SearchResult, query: Query | null, probed: readonly number[]): void {
    if (!this.allowed) return;
    const { stats } = result;
    this.#add({
      type: "impression",
      event_id: randomId(),
      session: this.#sessionId(),
      search_id: result.searchId,
      epoch: stats.epoch,
      query,
      shown: result.hits.map((hit) => ({ image_id: hit.id, position: hit.position, cell: hit.cell })),
      probed: [...probed],
      scanned: stats.vectorsScanned,
      took_ms: stats.decodeMs + stats.embedMs + stats.searchMs,
      at: Date.now(),
    });
  }

  click(hit: Hit): void {
    if (!this.allowed) return;
    this.#add({
      type: "click",
      event_id: randomId(),
      session: this.#sessionId(),
      search_id: hit.searchId,
      image_id: hit.id,
      position: hit.position,
      at: Date.now(),
    });
  }

  audit(searchId: string, epoch: number, recall: number): void {
    if (!this.allowed) return;
    this.#add({
      type: "audit",
      event_id: randomId(),
      session: this.#sessionId(),
      search_id: searchId,
      epoch,
      recall_estimate: recall,
      at: Date.now(),
    });
  }

  /** Sends what waits. `leaving`: the page may be gone before the answer. */
  async flush(leaving = false): Promise<void> {
    this.#cancelTimer();
    if (this.#sending !== null && !leaving) return this.#sending;
    if (this.#queue.length === 0 || !this.allowed || this.#endpoint === null) return;
    this.#sending = this.#send(this.#endpoint, this.#batch(leaving ? LEAVING_BYTES : BATCH_BYTES), leaving).finally(() => {
      this.#sending = null;
      if (this.#queue.length > 0) this.#schedule();
    });
    return this.#sending;
  }

  async close(): Promise<void> {
    document.removeEventListener("visibilitychange", this.#onHidden);
    await this.#sending;
    // As long as it gets shorter: a server that does not answer must not keep a page from closing.
    for (let before = Infinity; this.#queue.length > 0 && this.#queue.length < before; ) {
      before = this.#queue.length;
      await this.flush();
    }
    this.#cancelTimer();
    this.#queue = [];
  }

  /** The oldest events that fit into one request. */
  #batch(limitBytes: number): Event[] {
    let bytes = 0;
    const batch: Event[] = [];
    for (const event of this.#queue.slice(0, BATCH)) {
      bytes += JSON.stringify(event).length;
      if (batch.length > 0 && bytes > limitBytes) break;
      batch.push(event);
    }
    return batch;
  }

  async #send(endpoint: string, batch: readonly Event[], keepalive: boolean): Promise<void> {
    try {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ events: batch }),
        credentials: "same-origin",
        keepalive,
      });
      // A refusal is final: the same bytes would be refused again. An overload is not.
      if (response.ok || (response.status >= 400 && response.status < 500 && response.status !== 429)) {
        if (!response.ok) console.warn(`nearsight: ${endpoint} refused ${batch.length} events with status ${response.status}; they are dropped.`);
        const sent = new Set(batch.map((event) => event.event_id));
        this.#queue = this.#queue.filter((event) => !sent.has(event.event_id));
        this.#delayMs = DELAY_MS;
        return;
      }
      throw new Error(`status ${response.status}`);
    } catch (error) {
      this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
      if (this.#delayMs === LONGEST_DELAY_MS) console.warn(`nearsight: events cannot be sent to ${endpoint}: ${describe(error)}`);
    }
  }

  #add(event: Event): void {
    this.#queue.push(event);
    if (this.#queue.length > QUEUE_LIMIT) this.#queue.splice(0, this.#queue.length - QUEUE_LIMIT);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.flush();
    }, this.#delayMs);
  }

  #cancelTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #sessionId(): string {
    const now = Date.now();
    if (this.#session.id === "" || now - this.#session.since > DAY_MS) this.#session = { id: randomId(), since: now };
    return this.#session.id;
  }
}

/** 128 random bits. `crypto.randomUUID` is missing on pages without TLS. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The int8 vector of a query → what an event carries. */
export function base64(code: Int8Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(code.buffer, code.byteOffset, code.byteLength)));
}
