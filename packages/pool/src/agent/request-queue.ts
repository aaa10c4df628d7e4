import { AgentwireError, type Clock, type RequestId, type TimerHandle } from '@agentwire/core';
import { atMost, IdleWaiters, LinkedList, type ListEntry } from '@agentwire/core/internal';

interface QueuedRequest {
  /** Dispatches it if a connection has capacity. @returns `left` where it is no longer queued, else the reason */
  readonly tryDispatch: () => 'left' | 'busy' | 'paused';
  readonly reject: (error: AgentwireError) => void;
}

/** Options of {@link RequestQueue.enqueue}. */
export interface QueueOptions {
  /** Id by which {@link RequestQueue.cancel} finds the request; absent where it needs none. */
  readonly id?: RequestId | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Returns whether the last `dispatch` found nothing because of a pause: that is waited for `maxPauseMs` only. */
  readonly isPaused: () => boolean;
}

/** Requests that wait for a free connection, first in, first out; bounded in number and time. */
export class RequestQueue {
  /** Number of queued requests. */
  length = 0;
  readonly #clock: Clock;
  readonly #maxRequests: number;
  readonly #maxPauseMs: number;
  /** A `Set` would be walked past all that left it before, at every answer: 4 µs a request with 10 000 in the queue. */
  readonly #queued = new LinkedList<QueuedRequest>();
  readonly #byId = new Map<RequestId, QueuedRequest>();
  readonly #idle = new IdleWaiters();
  #dequeuing = false;

  constructor(clock: Clock, maxRequests: number, maxPauseMs: number) {
    this.#clock = clock;
    this.#maxRequests = maxRequests;
    this.#maxPauseMs = maxPauseMs;
  }

  /** Returns whether a request with this id is queued. */
  has(id: RequestId): boolean {
    return this.#byId.has(id);
  }

  /**
   * Queues a request until `dispatch` returns a promise. It must take the capacity of a connection in the same call: if it
   * did so later, every queued request would be dispatched to the one connection that became free.
   *
   * @throws AgentwireError `ERR_OVERLOADED` when the queue is full, `ERR_TIMEOUT`, `ERR_FLOW_PAUSED`, `ERR_ABORTED`, and what `dispatch` throws
   */
  enqueue<T>(dispatch: () => Promise<T> | undefined, options: QueueOptions): Promise<T> {
    if (this.#queued.size >= this.#maxRequests) {
      const message = `${this.#maxRequests} requests wait for a free connection`;
      return Promise.reject(new AgentwireError('ERR_OVERLOADED', message));
    }
    const { id, signal, timeoutMs, isPaused } = options;
    return new Promise((resolve, reject) => {
      let pauseTimer: TimerHandle;
      const leave = (): void => {
        this.#clock.clearTimeout(timer);
        if (pauseTimer !== undefined) this.#clock.clearTimeout(pauseTimer);
        signal?.removeEventListener('abort', onAbort);
        this.#delete(entry, id);
      };
      const fail = (error: AgentwireError): void => {
        leave();
        reject(error);
      };
      const onAbort = (): void =>
        fail(new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal?.reason }));
      const request: QueuedRequest = {
        tryDispatch: () => {
          try {
            const answer = dispatch();
            if (answer === undefined) return isPaused() ? waitForResume() : 'busy';
            leave();
            resolve(answer);
          } catch (error) {
            fail(error as AgentwireError);
          }
          return 'left';
        },
        reject: fail,
      };
      const waitForResume = (): 'paused' => {
        pauseTimer ??= this.#clock.setTimeout(() => {
          pauseTimer = undefined;
          // merely busy by now, it waits on; a longer pause is enough
          if (request.tryDispatch() !== 'paused') return;
          fail(new AgentwireError('ERR_FLOW_PAUSED', `the agent did not resume within ${this.#maxPauseMs} ms`));
        }, this.#maxPauseMs);
        return 'paused';
      };
      const timer = this.#clock.setTimeout(
        () => fail(new AgentwireError('ERR_TIMEOUT', `no connection became free within ${timeoutMs} ms`)),
        timeoutMs,
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      const entry = this.#queued.append(request);
      this.length = this.#queued.size;
      if (id !== undefined) this.#byId.set(id, request);
      if (isPaused()) waitForResume();
    });
  }

  #delete(entry: ListEntry<QueuedRequest>, id: RequestId | undefined): void {
    this.#queued.remove(entry);
    this.length = this.#queued.size;
    if (id !== undefined) this.#byId.delete(id);
    if (this.#queued.size === 0) this.#idle.notify();
  }

  /** Dequeues requests while a connection has capacity. */
  dequeue(): void {
    // a request that fails while it is dispatched comes back here; the loop below continues with the next one anyway
    if (this.#dequeuing) return;
    this.#dequeuing = true;
    try {
      for (const request of this.#queued) if (request.tryDispatch() === 'busy') return;
    } finally {
      this.#dequeuing = false;
    }
  }

  /** Rejects the queued request with this id. @returns whether there was one */
  cancel(id: RequestId, error: AgentwireError): boolean {
    const request = this.#byId.get(id);
    request?.reject(error);
    return request !== undefined;
  }

  /** Rejects every queued request. */
  clear(error: AgentwireError): void {
    for (const request of this.#queued) request.reject(error);
  }

  /** Resolves when the queue is empty, or after `timeoutMs`. */
  async waitEmpty(timeoutMs: number): Promise<void> {
    if (this.#queued.size > 0) await atMost(this.#clock, timeoutMs, this.#idle.wait());
  }
}
