// Module, model and index in the worker: opens them side by side, answers, takes new epochs.

import type { Answer, Embedder, Index, ModelFiles, Options } from "../wasm/nearsight.js";
import { download } from "./download.js";
import { Epoch } from "./epoch.js";
import { NearsightError, refuseIfAborted, toNearsightError } from "./errors.js";
import { Fetcher, type Files } from "./fetcher.js";
import { GivenFiles } from "./given.js";
import { Kept } from "./kept.js";
import { Loading } from "./loading.js";
import { readManifest, totalBytes, type FileRef, type ManifestFiles } from "./manifest.js";
import { Modules, type Glue, type Kind } from "./modules.js";
import { Pictures, nextTask, type Embedded } from "./pictures.js";
import type { AllRecords, AssetSource, Memory, OpenSettings, Opened, RawHit, SearchAnswer, SearchSettings, Source } from "./protocol.js";
import type { PictureRecord, Progress, Update } from "./types.js";
import { warm } from "./warm.js";

/** An index whose routing and segments are of this size or less is read whole: larger ones answer sooner from the cells that a search probes. */
const WHOLE_INDEX_BYTES = 4 * 1024 * 1024;
/** False in the worker for vectors: there a model that the index names is nobody's business. Set by the bundler's `define`. */
declare const NEARSIGHT_PICTURES: boolean;
const EVENTS_HEADER = "x-nearsight-events";

export class Engine {
  readonly #settings: OpenSettings;
  readonly #loading: Loading;
  readonly #fetcher: Files;
  readonly #modules: Modules;
  /** Of an index that is fetched as searches need it. */
  #kept: Kept | null = null;
  #epoch: Epoch | null = null;
  #pictures: Pictures | null = null;
  #checking: Promise<Update> | null = null;
  /** What ended the module while nobody had asked for anything: told to the next who does. */
  #panicked: WebAssembly.RuntimeError | null = null;

  constructor(settings: OpenSettings, report: (progress: Progress) => void) {
    this.#settings = settings;
    this.#loading = new Loading(report);
    this.#modules = new Modules(settings.modules, this.#loading.count);
    this.#fetcher = settings.files === null ? new Fetcher(settings.index, this.#loading.count) : new GivenFiles(settings.files, this.#loading.count);
  }

  /** Everything that can be fetched before the module runs is under way while it compiles. Where there are two modules to choose from, the manifest comes first. */
  async open(signal: AbortSignal): Promise<Opened> {
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    try {
      const hasChoice = NEARSIGHT_PICTURES && this.#settings.modules.kind === "own";
      const only = hasChoice ? null : this.#modules.start("plain", both);
      // A failure is met where it is awaited; the manifest's may come first.
      only?.catch(() => undefined);
      const manifest = await this.#fetcher.manifest(both);
      const files = readManifest(manifest.bytes);
      const kind = hasChoice ? this.#moduleFor(files) : "plain";
      const module = only ?? this.#modules.start(kind, both);
      module.catch(() => undefined);
      const index = [...files.routing, ...files.segments, ...files.records];
      const isSmall = totalBytes([...files.routing, ...files.segments]) <= WHOLE_INDEX_BYTES;
      const whole = this.#settings.preload === "all" || (this.#settings.preload === "auto" && isSmall);
      const wanted = whole ? index : files.routing;
      if (!whole && this.#settings.keep && this.#settings.files === null) this.#kept = new Kept(this.#settings.index);
      const model = NEARSIGHT_PICTURES && this.#settings.model === null && files.model !== null ? [files.model.onnx, files.model.sidecar] : [];
      this.#loading.expect(manifest.bytes.length + this.#modules.bytes(kind) + totalBytes(wanted) + totalBytes(model));
      for (const file of [...model, ...wanted]) this.#fetcher.prefetch(file, both);
      const given = this.#givenModel(both);
      given?.catch(() => undefined);
      const glue = await module;

      const handle = new glue.Index(manifest.bytes);
      if (handle.epoch < this.#settings.lowestEpoch) {
        throw new NearsightError("index_older", `The index went back to epoch ${handle.epoch}, but epoch ${this.#settings.lowestEpoch} was in use; reload the page if that was meant.`);
      }
      const epoch = new Epoch(handle, this.#fetcher, this.#kept);
      const missing = handle.missing().filter((file) => whole || file.name === files.routing[0]?.name);
      const supplied = epoch.bring(missing, both);
      supplied.catch(() => undefined);
      this.#pictures = await this.#startPictures(glue, handle, given, both);
      await supplied;
      this.#epoch = epoch;
      this.#keepOnly(files);
      this.#loading.phase("ready");
      warm(epoch, this.#pictures).catch((error: unknown) => {
        // Whatever else fails will fail for whoever asks; a module that has panicked might answer anything.
        if (error instanceof WebAssembly.RuntimeError) this.#panicked = error;
      });
      return {
        epoch: handle.epoch,
        pictures: handle.pictures,
        cells: handle.cells,
        dimension: handle.dimension,
        metric: handle.metric,
        hasModel: this.#pictures !== null,
        eventsEndpoint: this.#eventsEndpoint(manifest.headers),
      };
    } catch (error) {
      failed.abort();
      throw error;
    }
  }

  async search(source: Source, settings: SearchSettings, signal: AbortSignal): Promise<SearchAnswer> {
    const epoch = this.#current();
    return epoch.use(async () => {
      const { index } = epoch;
      const query = await this.#query(epoch, source, signal);
      const hidesPrivate = settings.filter.kind === "conditions" && !settings.filter.private;
      const without = source.kind === "id" ? [source.id] : [];
      let fetched = query.bytesFetched;
      let searchMs = 0;
      const readsRecords = settings.filter.kind === "conditions" && (settings.filter.tags.length > 0 || settings.filter.owner !== null);
      if (readsRecords || settings.perOwner !== null) {
        fetched += await epoch.bring(index.missing_records(), signal);
      }
      let answer: Answer;
      let records: ReadonlyMap<number, PictureRecord>;
      for (;;) {
        await nextTask();
        refuseIfAborted(signal);
        const started = performance.now();
        const reply = index.search(query.vector, wasmOptions(settings, without), settings.filter.kind === "allowed" ? settings.filter.bits : undefined);
        searchMs += performance.now() - started;
        if (reply.answer === null) {
          if (!(await epoch.restore(reply.need))) fetched += await epoch.bring(reply.need, signal);
          continue;
        }
        answer = reply.answer;
        const ids = Uint32Array.from(answer.hits, (hit) => hit.id);
        await epoch.restore(index.missing_records_of(ids));
        fetched += await epoch.bring(index.missing_records_of(ids), signal);
        records = new Map(answer.hits.map((hit) => [hit.id, this.#record(index.record(hit.id))]));
        // Whether a picture is private is known only now where records come as they are shown.
        const hidden = hidesPrivate ? [...records.values()].filter((record) => record.private) : [];
        if (hidden.length === 0) break;
        without.push(...hidden.map((record) => record.id));
      }
      const hits = answer.hits.map((hit): RawHit => ({ ...hit, record: records.get(hit.id) ?? this.#record(index.record(hit.id)) }));
      return {
        hits,
        probed: answer.probed,
        // A code has no length, without which a vector says nothing where distances count.
        code: settings.wantCode && source.kind !== "id" && index.metric === "cosine" ? toCode(query.vector) : null,
        stats: {
          epoch: index.epoch,
          cellsProbed: answer.probed.length,
          cellsTotal: index.cells,
          vectorsScanned: answer.scanned,
          vectorsTotal: index.pictures,
          bytesFetched: fetched,
          confidence: answer.confidence,
          capped: answer.capped,
          decodeMs: query.decodeMs,
          embedMs: query.embedMs,
          searchMs,
        },
      };
    });
  }

  async embed(source: Source, signal: AbortSignal): Promise<Float32Array> {
    const epoch = this.#current();
    return epoch.use(async () => (await this.#query(epoch, source, signal)).vector);
  }

  async records(signal: AbortSignal): Promise<AllRecords> {
    const epoch = this.#current();
    return epoch.use(async () => {
      await epoch.bring(epoch.index.missing_records(), signal);
      const records = epoch.index.records().map((record) => this.#record(record));
      return { epoch: epoch.index.epoch, records };
    });
  }

  /** Whether every vector is here, so that even an exact search fetches nothing. */
  get holdsAllVectors(): boolean {
    return this.#current().index.missing_vectors().length === 0;
  }

  memory(): Memory {
    return { wasmBytes: this.#modules.memoryBytes, loadedBytes: this.#loading.loadedBytes };
  }

  /** What the panic said that ended a module, if one did. */
  get lastPanic(): string | undefined {
    return this.#modules.lastPanic;
  }

  /** Takes a newer epoch between two queries; those under way end on the epoch they began with. */
  check(signal: AbortSignal): Promise<Update> {
    this.#checking ??= this.#check(signal).finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  async #check(signal: AbortSignal): Promise<Update> {
    const held = this.#current();
    const before = this.#loading.loadedBytes;
    const { bytes } = await this.#fetcher.manifest(signal);
    return held.use(async () => {
      let handle: Index;
      try {
        handle = held.index.advance(bytes);
      } catch (error) {
        const refused = toNearsightError(error, "index_corrupt");
        if (refused.code !== "index_older") throw refused;
        return this.#update(held, false, before, epochIn(bytes));
      }
      if (handle.epoch === held.index.epoch) {
        handle.free();
        return this.#update(held, false, before, null);
      }
      const next = new Epoch(handle, this.#fetcher, this.#kept);
      try {
        await next.bring(held.index.missing().length === 0 ? handle.missing() : handle.missing_routing(), signal);
      } catch (error) {
        next.retire();
        throw error;
      }
      this.#epoch = next;
      this.#keepOnly(readManifest(bytes));
      held.retire();
      return this.#update(next, true, before, null);
    });
  }

  /** What is kept of files that the index does not have any more is of no use. */
  #keepOnly({ segments, records }: ManifestFiles): void {
    void this.#kept?.keepOnly(new Set([...segments, ...records].map((file) => file.name)));
  }

  #update(epoch: Epoch, updated: boolean, before: number, refusedEpoch: number | null): Update {
    const { index } = epoch;
    return { updated, epoch: index.epoch, pictures: index.pictures, cells: index.cells, bytesFetched: this.#loading.loadedBytes - before, refusedEpoch };
  }

  #current(): Epoch {
    if (this.#panicked !== null) throw this.#panicked;
    if (this.#epoch === null) throw new NearsightError("worker_failed", "The worker was asked before its index was open.");
    return this.#epoch;
  }

  /** What is searched for → its vector. */
  async #query(epoch: Epoch, source: Source, signal: AbortSignal): Promise<Embedded> {
    if (source.kind === "vector") return { vector: source.vector, decodeMs: 0, embedMs: 0, bytesFetched: 0 };
    if (source.kind !== "id") return this.#picture(source, signal);
    const missing = (): NearsightError => new NearsightError("query_invalid", `There is no picture with id ${source.id} in epoch ${epoch.index.epoch} of this index.`);
    if (epoch.index.is_removed(source.id)) throw missing();
    let vector = epoch.index.vector_of(source.id);
    let bytesFetched = 0;
    if (vector === undefined) {
      // Which segment holds an id is written in the segments alone.
      bytesFetched = await epoch.bring(epoch.index.missing_vectors(), signal);
      vector = epoch.index.vector_of(source.id);
    }
    if (vector === undefined) throw missing();
    return { vector, decodeMs: 0, embedMs: 0, bytesFetched };
  }

  #picture(source: Exclude<Source, { kind: "id" } | { kind: "vector" }>, signal: AbortSignal): Promise<Embedded> {
    if (this.#pictures === null) {
      throw new NearsightError("model_missing", "This index names no model, so a picture cannot be searched for: give createImageSearch a `model`, or search with a vector or { id }.");
    }
    return this.#pictures.embed(source, signal);
  }

  #givenModel(signal: AbortSignal): Promise<[Uint8Array, Uint8Array]> | null {
    const { model } = this.#settings;
    if (model === null || !NEARSIGHT_PICTURES) return null;
    const read = async (source: AssetSource): Promise<Uint8Array> => {
      if (source.kind === "bytes") return new Uint8Array(source.bytes);
      return (await download(source.url, { signal, htmlCode: "model_broken", what: "a model", onBytes: this.#loading.count })).bytes;
    };
    return Promise.all([read(model.onnx), read(model.sidecar)]);
  }

  /** The larger module only for a model that is known to need it. */
  #moduleFor(files: ManifestFiles): Kind {
    return this.#settings.model === null && files.model?.plain === false ? "anyModel" : "plain";
  }

  async #startPictures(glue: Glue, index: Index, given: Promise<[Uint8Array, Uint8Array]> | null, signal: AbortSignal): Promise<Pictures | null> {
    if (!NEARSIGHT_PICTURES) return null;
    const model = index.model();
    const files = given ?? (model === null ? null : this.#modelFiles(index, model, signal));
    if (files === null) return null;
    const [onnx, sidecar] = await files;
    this.#loading.phase("warming");
    // Loading runs the network once on its reference picture, so the visitor's first is not its first.
    const start = (glue: Glue): Pictures => new Pictures(glue, checked(new glue.Embedder(onnx, sidecar), index));
    try {
      return start(glue);
    } catch (error) {
      const refused = toNearsightError(error, "model_broken");
      if (refused.code !== "model_needs_any_model") throw error;
      this.#loading.expectMore(this.#modules.bytes("anyModel"));
      const larger = await this.#modules.startLarger(refused, signal);
      this.#loading.phase("warming");
      return start(larger);
    }
  }

  #modelFiles(index: Index, model: ModelFiles, signal: AbortSignal): Promise<[Uint8Array, Uint8Array]> {
    return Promise.all([this.#modelFile(index, model.onnx, signal), this.#modelFile(index, model.sidecar, signal)]);
  }

  async #modelFile(index: Index, file: FileRef, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = await this.#fetcher.fetch(file.name, signal);
    if (index.verifies(file.name, bytes)) return bytes;
    const again = await this.#fetcher.refetch(file.name, signal);
    if (index.verifies(file.name, again)) return again;
    throw new NearsightError("model_broken", `${this.#fetcher.address(file.name)} is not the file that the manifest names: its hash differs. Upload the index again.`);
  }

  /** Addresses in a record are data of the site: made absolute, and only http(s) is let through. */
  #record(record: PictureRecord): PictureRecord {
    return { ...record, url: this.#webAddress(record.url), thumb: this.#webAddress(record.thumb) };
  }

  #webAddress(text: string | null): string | null {
    if (text === null || text === "" || !URL.canParse(text, this.#settings.index)) return null;
    const url = new URL(text, this.#settings.index);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  }

  /** Only an address of the server that holds the index: a header cannot send clicks elsewhere. */
  #eventsEndpoint(headers: Headers): string | null {
    const text = headers.get(EVENTS_HEADER);
    if (text === null || !URL.canParse(text, this.#settings.index)) return null;
    const url = new URL(text, this.#settings.index);
    return url.origin === new URL(this.#settings.index).origin ? url.href : null;
  }
}

function checked(embedder: Embedder, index: Index): Embedder {
  if (embedder.dimension !== index.dimension) {
    throw new NearsightError("model_mismatch", `The model makes vectors of ${embedder.dimension} values, the index holds ${index.dimension}: they do not belong together. Leave "model" out to use the one that the index names, with its projection if it has one.`);
  }
  // Where the angle counts a query may be of any length; where the distance does, a vector of unit length lies anywhere but where it should.
  if (index.metric === "euclidean" && embedder.metric === "cosine") {
    throw new NearsightError("model_mismatch", 'The index compares by Euclidean distance and the model brings its vectors to unit length: they do not belong together. Leave "model" out to use the one that the index names, or say "normalise": false in its sidecar if the index was made so.');
  }
  return embedder;
}

function wasmOptions(settings: SearchSettings, without: readonly number[]): Options {
  const { k, recall, minScore, exact, distinct, perOwner, filter } = settings;
  const conditions = filter.kind === "conditions" ? filter : { tags: [], owner: null, private: true };
  return { k, recall, minScore, exact, distinct, perOwner, without, tags: conditions.tags, owner: conditions.owner, private: conditions.private };
}

/** A unit vector → int8, the largest value at 127: for events, where the visitor shares it. */
function toCode(vector: Float32Array): Int8Array {
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  return Int8Array.from(vector, (value) => Math.round((value / largest) * 127));
}

function epochIn(manifest: Uint8Array): number | null {
  const { epoch } = JSON.parse(new TextDecoder().decode(manifest)) as { epoch?: unknown };
  return typeof epoch === "number" ? epoch : null;
}
