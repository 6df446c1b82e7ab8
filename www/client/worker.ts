// The worker: one message in, one answer out, and cancels heard between the steps.
//
// A panic of the module ends this worker's usefulness: the failure is marked fatal, and the page
// replaces the worker.

import { Engine } from "./engine.js";
import { NearsightError, abortedError, describe, toNearsightError, toPlainError } from "./errors.js";
import type { Answers, Kind, Reply, Request } from "./protocol.js";

/** What of the worker's global scope is used; its whole type clashes with the page's. */
interface WorkerScope {
  postMessage(message: Reply, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const active = new Map<number, AbortController>();
let engine: Engine | null = null;
let dead = false;

/** How long the worker rests before it audits, so that a visitor's next search comes first. */
const AUDIT_DELAY_MS = 400;

type Work = Exclude<Request, { type: "cancel" }>;

scope.onmessage = (event): void => {
  const request = event.data;
  if (request.type === "cancel") {
    active.get(request.id)?.abort();
  } else if (!dead) {
    void answer(request);
  }
};

async function answer(request: Work): Promise<void> {
  const controller = new AbortController();
  active.set(request.id, controller);
  try {
    await perform(request, controller.signal);
  } catch (thrown) {
    fail(request.id, controller.signal.aborted ? abortedError(thrown) : thrown);
  } finally {
    active.delete(request.id);
  }
}

async function perform(request: Work, signal: AbortSignal): Promise<void> {
  switch (request.type) {
    case "open":
      engine = new Engine(request.settings, (progress) => scope.postMessage({ type: "progress", progress }));
      return done(request, await engine.open(signal));
    case "search": {
      const reply = await opened().search(request.source, request.settings, signal);
      done(request, reply);
      if (request.settings.audit) auditLater(request, reply);
      return;
    }
    case "embed": {
      const vector = await opened().embed(request.source, signal);
      return done(request, vector);
    }
    case "check":
      return done(request, await opened().check(signal));
    case "records":
      return done(request, await opened().records(signal));
    case "memory":
      return done(request, opened().memory());
  }
}

function done<K extends Kind>(request: { readonly type: K; readonly id: number }, value: Answers[K]): void {
  // The request's type ties kind and value together; a union cannot express that for a variable kind.
  scope.postMessage({ type: "done", kind: request.type, id: request.id, value } as Reply);
}

function fail(id: number, thrown: unknown): void {
  const fatal = thrown instanceof WebAssembly.RuntimeError;
  if (fatal) dead = true;
  const error = fatal
    ? new NearsightError("worker_failed", `The module failed: ${engine?.lastPanic ?? describe(thrown)}`, thrown)
    : toNearsightError(thrown, "worker_failed");
  scope.postMessage({ type: "failed", id, error: toPlainError(error), fatal });
}

function opened(): Engine {
  if (engine === null) throw new NearsightError("worker_failed", "The worker was asked before it was opened.");
  return engine;
}

/** Answers again by looking at every vector, when nothing else is to do, and tells the recall. Not worth fetching vectors for. */
function auditLater(request: Extract<Work, { type: "search" }>, first: Answers["search"]): void {
  setTimeout(() => {
    if (!opened().holdsAllVectors) return;
    if (active.size > 0) return auditLater(request, first);
    void audit(request, first).catch(() => undefined);
  }, AUDIT_DELAY_MS);
}

async function audit(request: Extract<Work, { type: "search" }>, first: Answers["search"]): Promise<void> {
  const truth = await opened().search(request.source, { ...request.settings, exact: true, audit: false }, new AbortController().signal);
  if (truth.stats.epoch !== first.stats.epoch || truth.hits.length === 0) return;
  const found = new Set(first.hits.map((hit) => hit.id));
  const recall = truth.hits.filter((hit) => found.has(hit.id)).length / truth.hits.length;
  scope.postMessage({ type: "audited", id: request.id, epoch: first.stats.epoch, recall });
}
