// Requests → answers over one worker: numbers messages, settles every promise, tells a dead worker.
//
// A promise never outlives its worker: answer, failure, abort, close and the worker's death each
// settle it. A late answer to an aborted request is dropped.

import { NearsightError, abortedError, toNearsightError } from "./errors.js";
import type { Answers, Kind, Payloads, Reply, Request } from "./protocol.js";
import type { Progress } from "./types.js";

interface Pending {
  readonly kind: Kind;
  readonly settle: (reply: Extract<Reply, { type: "done" }>) => void;
  readonly fail: (error: NearsightError) => void;
}

export interface ConnectionEvents {
  readonly onProgress: (progress: Progress) => void;
  readonly onAudited: (requestId: number, epoch: number, recall: number) => void;
}

export class Connection {
  readonly #worker: Worker;
  readonly #events: ConnectionEvents;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #failure: NearsightError | null = null;

  constructor(worker: Worker, address: string, events: ConnectionEvents) {
    this.#worker = worker;
    this.#events = events;
    worker.onmessage = (event: MessageEvent<Reply>) => this.#receive(event.data);
    worker.onmessageerror = () => this.fail(new NearsightError("worker_failed", "A message from the worker could not be read."));
    worker.onerror = (event) => {
      event.preventDefault();
      const said = event.message ? `: ${event.message}` : " (no reason given: is the address right, and does the content security policy allow it in worker-src?)";
      this.fail(new NearsightError("worker_failed", `The worker at ${address} failed${said}`));
    };
  }

  /** Why this worker cannot be used any more; null while it can. */
  get failure(): NearsightError | null {
    return this.#failure;
  }

  /** Sends a request. `sent` is told its number, for what comes back later than the answer. */
  request<K extends Kind>(kind: K, payload: Payloads[K], signal?: AbortSignal, sent?: (id: number) => void): Promise<Answers[K]> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (signal?.aborted === true) return Promise.reject(abortedError(signal.reason));
    const id = this.#nextId++;
    return new Promise<Answers[K]>((resolve, reject) => {
      const abort = (): void => {
        if (!this.#pending.delete(id)) return;
        this.#post({ type: "cancel", id });
        reject(abortedError(signal?.reason));
      };
      const done = (): void => signal?.removeEventListener("abort", abort);
      this.#pending.set(id, {
        kind,
        settle: (reply) => {
          done();
          // The number ties the answer to this request, so its kind is this request's kind.
          resolve(reply.value as Answers[K]);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener("abort", abort, { once: true });
      try {
        this.#post({ type: kind, id, ...payload } as unknown as Request);
        sent?.(id);
      } catch (cause) {
        this.#pending.delete(id);
        done();
        reject(new NearsightError("query_invalid", "What was given cannot be sent to the worker; a detached buffer or a closed bitmap is the usual cause.", cause));
      }
    });
  }

  /** Ends the worker and settles all that waits with `error`. */
  fail(error: NearsightError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#worker.onmessage = null;
    this.#worker.onmessageerror = null;
    this.#worker.onerror = null;
    this.#worker.terminate();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.fail(error);
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: Reply): void {
    switch (reply.type) {
      case "progress":
        this.#events.onProgress(reply.progress);
        return;
      case "audited":
        this.#events.onAudited(reply.id, reply.epoch, reply.recall);
        return;
      case "done": {
        const pending = this.#take(reply.id);
        if (pending !== undefined && pending.kind === reply.kind) pending.settle(reply);
        return;
      }
      case "failed": {
        const error = toNearsightError(reply.error, "worker_failed");
        const pending = this.#take(reply.id);
        pending?.fail(error);
        if (reply.fatal) this.fail(error);
      }
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
