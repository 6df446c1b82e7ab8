// The door of the package: one session holds one worker, which holds the module, the model and the
// index.
//
// When the worker dies (a panic in the module, no memory) its requests are answered once more by a
// fresh one; a second death is the caller's error. Closing settles everything.

import { absolute, assetSource, folder, moduleSources, startWorker, workerAddress } from "./assets.js";
import { Connection } from "./connection.js";
import { NearsightError, abortedError, refuseIfAborted, toNearsightError } from "./errors.js";
import type { Query } from "./event-types.js";
import { EventQueue, base64, randomId } from "./events.js";
import { toFilterSettings } from "./filter.js";
import type { AllRecords, Answers, Kind, Memory, OpenSettings, Opened, Payloads, SearchAnswer, SearchSettings, Source } from "./protocol.js";
import { toSource } from "./source.js";
import type { EmbedOptions, Hit, ImageSearchOptions, IndexFile, Metric, PictureRecord, SearchInput, SearchOptions, SearchResult, Update } from "./types.js";

/** Whether clicks may be shared, and why not. */
export interface Sharing {
  /** There is a server that takes events. */
  readonly offered: boolean;
  /** The browser's own setting (Do Not Track, Global Privacy Control) forbids it. */
  readonly blocked: boolean;
  /** Events are sent now. */
  readonly active: boolean;
}

/** A search over one index. Made by `createImageSearch`. */
export interface ImageSearch {
  readonly epoch: number;
  readonly pictures: number;
  readonly cells: number;
  readonly dimension: number;
  /** What makes two vectors near, and so what a score is. */
  readonly metric: Metric;
  /** False where the index was made from vectors: then only vectors and ids can be searched for. */
  readonly canEmbed: boolean;
  readonly sharing: Sharing;
  search(input: SearchInput, options?: SearchOptions): Promise<SearchResult>;
  /** A picture → its vector, of unit length where the angle counts. */
  embed(input: SearchInput, options?: EmbedOptions): Promise<Float32Array>;
  /** Tells the site's server that this hit was chosen, where the visitor consents; else nothing. */
  click(hit: Hit): void;
  consent(given: boolean): void;
  /** What the index knows of every picture; reads all records. */
  records(): Promise<readonly PictureRecord[]>;
  /** Takes a newer epoch if there is one; fetches only the files that are missing. */
  checkForUpdate(): Promise<Update>;
  /** Bytes of the module's memory, and bytes read since the session was opened. */
  memory(): Promise<Memory>;
  /** Sends waiting events, ends the worker, gives its memory back. A second call does nothing. */
  close(): Promise<void>;
}

/** Opens an index: worker, module, model and index files are fetched side by side. */
export async function createImageSearch(options: ImageSearchOptions): Promise<ImageSearch> {
  refuseIfAborted(options.signal);
  const session = new Session(options);
  await session.open();
  return session;
}

interface Link {
  readonly connection: Connection;
  readonly opened: Opened;
}

class Session implements ImageSearch {
  readonly #options: ImageSearchOptions;
  readonly #settings: Omit<OpenSettings, "lowestEpoch">;
  readonly #events: EventQueue;
  readonly #audited = new Map<number, string>();
  #connection: Connection | null = null;
  #link: Promise<Link> | null = null;
  #opened: Opened | null = null;
  #records: AllRecords | null = null;
  #closed: NearsightError | null = null;

  constructor(options: ImageSearchOptions) {
    this.#options = options;
    this.#settings = {
      index: isGiven(options.index) ? folder(".") : folder(options.index),
      files: isGiven(options.index) ? options.index : null,
      modules: moduleSources(options.wasm),
      model: options.model === undefined ? null : { onnx: assetSource(options.model.onnx), sidecar: assetSource(options.model.sidecar) },
      preload: options.preload ?? "auto",
      keep: options.keep ?? true,
    };
    this.#events = new EventQueue(options.events);
  }

  async open(): Promise<void> {
    try {
      await this.#connect(undefined, this.#options.signal);
    } catch (error) {
      this.#end(toNearsightError(error, "worker_failed"));
      throw error;
    }
  }

  get epoch(): number {
    return this.#opened?.epoch ?? 0;
  }
  get pictures(): number {
    return this.#opened?.pictures ?? 0;
  }
  get cells(): number {
    return this.#opened?.cells ?? 0;
  }
  get dimension(): number {
    return this.#opened?.dimension ?? 0;
  }
  get metric(): Metric {
    return this.#opened?.metric ?? "cosine";
  }
  get canEmbed(): boolean {
    return this.#opened?.hasModel ?? false;
  }
  get sharing(): Sharing {
    return { offered: this.#events.offered, blocked: this.#events.blocked, active: this.#events.allowed };
  }

  async search(input: SearchInput, options: SearchOptions = {}): Promise<SearchResult> {
    this.#refuseIfClosed();
    refuseIfAborted(options.signal);
    const source = await toSource(input);
    const searchId = randomId();
    const answer = await this.#answer(source, options, searchId);
    const hits = answer.hits.map((hit, position): Hit => ({ ...hit.record, score: hit.score, distance: hit.distance, cell: hit.cell, position, searchId }));
    const result: SearchResult = { searchId, hits, stats: answer.stats };
    this.#events.impression(result, queryEvent(source, answer.code), answer.probed);
    return result;
  }

  async embed(input: SearchInput, options: EmbedOptions = {}): Promise<Float32Array> {
    this.#refuseIfClosed();
    refuseIfAborted(options.signal);
    const source = await toSource(input);
    return this.#ask("embed", { source }, options.signal);
  }

  click(hit: Hit): void {
    if (this.#closed === null) this.#events.click(hit);
  }

  consent(given: boolean): void {
    this.#events.consent(given);
  }

  async checkForUpdate(): Promise<Update> {
    const update = await this.#ask("check", {});
    if (update.updated && this.#opened !== null) {
      this.#records = null;
      this.#opened = { ...this.#opened, epoch: update.epoch, pictures: update.pictures, cells: update.cells };
      this.#options.onUpdate?.(update);
    }
    return update;
  }

  async records(): Promise<readonly PictureRecord[]> {
    return (await this.#allRecords(undefined)).records;
  }

  memory(): Promise<Memory> {
    return this.#ask("memory", {});
  }

  async close(): Promise<void> {
    if (this.#closed !== null) return;
    this.#end(new NearsightError("closed", "The search was closed; make another with createImageSearch."));
    await this.#events.close();
  }

  #end(reason: NearsightError): void {
    this.#closed = reason;
    this.#connection?.fail(reason);
    this.#connection = null;
    this.#link = null;
    this.#records = null;
  }

  #refuseIfClosed(): void {
    if (this.#closed !== null) throw this.#closed;
  }

  /** Answers from one epoch: a filter made for another one is made again. */
  async #answer(source: Source, options: SearchOptions, searchId: string): Promise<SearchAnswer> {
    for (;;) {
      const filter = await toFilterSettings(options.filter, () => this.#allRecords(options.signal));
      const settings: SearchSettings = {
        k: options.k ?? 24,
        recall: options.recall ?? 0.95,
        minScore: options.minScore ?? null,
        exact: options.exact === true,
        distinct: options.distinct ?? false,
        perOwner: options.perOwner ?? null,
        filter,
        wantCode: this.#events.shareEmbedding && this.#events.allowed,
        audit: options.exact !== true && this.#events.allowed && Math.random() < this.#events.auditShare,
      };
      const sent = (id: number): void => {
        if (settings.audit) this.#audited.set(id, searchId);
      };
      const answer = await this.#ask("search", { source, settings }, options.signal, sent);
      if (filter.kind === "conditions" || filter.epoch === answer.stats.epoch) return answer;
      this.#records = null;
    }
  }

  async #allRecords(signal: AbortSignal | undefined): Promise<AllRecords> {
    this.#records ??= await this.#ask("records", {}, signal);
    return this.#records;
  }

  async #ask<K extends Kind>(kind: K, payload: Payloads[K], signal?: AbortSignal, sent?: (id: number) => void): Promise<Answers[K]> {
    for (let attempt = 0; ; attempt++) {
      this.#refuseIfClosed();
      const { connection } = await this.#connect(signal);
      try {
        return await connection.request(kind, payload, signal, sent);
      } catch (error) {
        const died = connection.failure !== null && this.#closed === null;
        if (!died || attempt > 0) throw error;
      }
    }
  }

  /** The open worker; a fresh one where there is none or it has died. */
  async #connect(signal: AbortSignal | undefined, opening?: AbortSignal): Promise<Link> {
    if (this.#connection !== null && this.#connection.failure !== null) this.#link = null;
    this.#link ??= this.#start(opening);
    const link = this.#link;
    try {
      // One caller's abort must not take the fresh worker from the others.
      return await settledOrAborted(link, signal);
    } catch (error) {
      // The next call tries again: the network may be back.
      if (this.#link === link && this.#connection?.failure !== null) this.#link = null;
      throw error;
    }
  }

  async #start(signal: AbortSignal | undefined): Promise<Link> {
    const address = workerAddress(this.#options.worker);
    const connection = new Connection(startWorker(this.#options.worker), address, {
      onProgress: (progress) => this.#options.onProgress?.(progress),
      onAudited: (requestId, epoch, recall) => {
        const searchId = this.#audited.get(requestId);
        this.#audited.delete(requestId);
        if (searchId !== undefined) this.#events.audit(searchId, epoch, recall);
      },
    });
    this.#connection = connection;
    this.#audited.clear();
    try {
      const opened = await connection.request("open", { settings: { ...this.#settings, lowestEpoch: this.epoch } }, signal);
      this.#refuseIfClosed();
      this.#opened = opened;
      this.#events.learn(opened.eventsEndpoint === null ? null : absolute(opened.eventsEndpoint));
      return { connection, opened };
    } catch (error) {
      connection.fail(toNearsightError(error, "worker_failed"));
      throw error;
    }
  }
}

function isGiven(index: ImageSearchOptions["index"]): index is readonly IndexFile[] {
  return Array.isArray(index);
}

function settledOrAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortedError(signal.reason));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function queryEvent(source: Source, code: Int8Array | null): Query | null {
  if (source.kind === "id") return { image_id: source.id };
  return code === null ? null : { embedding: base64(code) };
}
