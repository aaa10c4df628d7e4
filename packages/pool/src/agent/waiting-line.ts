import { AgentwireError, type Clock, type RequestId, type TimerHandle } from '@agentwire/core';

interface Waiting {
  readonly admit: () => boolean;
  readonly reject: (error: AgentwireError) => void;
  readonly timer: TimerHandle;
}

/** What one who waits may ask for. */
export interface WaitOptions {
  /** Under what {@link WaitingLine.cancel} finds it; absent for what cannot be found. */
  readonly id?: RequestId | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests that wait for a free connection, first come first served; bounded in number and time. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #line = new Set<Waiting>();
  readonly #byId = new Map<RequestId, Waiting>();
  #advancing = false;
  #whenEmpty: (() => void)[] = [];

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get length(): number {
    return this.#line.size;
  }

  /** Whether a request with this id waits. */
  has(id: RequestId): boolean {
    return this.#byId.has(id);
  }

  /**
   * Waits until `tryAdmit` gives something, which it does in the same moment as it takes a place: were it later, all who
   * wait would be let in to the one place that became free.
   *
   * @throws AgentwireError `ERR_OVERLOADED` when the line is full, `ERR_TIMEOUT`, `ERR_ABORTED`, and what `tryAdmit` throws.
   */
  wait<T>(tryAdmit: () => Promise<T> | undefined, options: WaitOptions): Promise<T> {
    if (this.#line.size >= this.#max) {
      return Promise.reject(new AgentwireError('ERR_OVERLOADED', `${this.#max} requests wait for a free connection`));
    }
    const { id, signal, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#clock.clearTimeout(waiting.timer);
        signal?.removeEventListener('abort', onAbort);
        this.#leave(waiting, id);
      };
      const fail = (error: AgentwireError): void => {
        leave();
        reject(error);
      };
      const onAbort = (): void => {
        fail(new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal?.reason }));
      };
      const waiting: Waiting = {
        admit: () => {
          try {
            const got = tryAdmit();
            if (got === undefined) return false;
            leave();
            resolve(got);
          } catch (error) {
            fail(error as AgentwireError);
          }
          return true;
        },
        reject: fail,
        timer: this.#clock.setTimeout(() => {
          fail(new AgentwireError('ERR_TIMEOUT', `no connection became free within ${timeoutMs} ms`));
        }, timeoutMs),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#line.add(waiting);
      if (id !== undefined) this.#byId.set(id, waiting);
    });
  }

  #leave(waiting: Waiting, id: RequestId | undefined): void {
    this.#line.delete(waiting);
    if (id !== undefined) this.#byId.delete(id);
    if (this.#line.size > 0) return;
    const told = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const done of told) done();
  }

  /** Lets in whom there is room for. */
  advance(): void {
    // a request that fails while it is let in comes back here; the loop below goes on with the next one anyway
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      for (const waiting of this.#line) if (!waiting.admit()) return;
    } finally {
      this.#advancing = false;
    }
  }

  /** Fails the one who waits under `id`. @returns whether there was one */
  cancel(id: RequestId, error: AgentwireError): boolean {
    const waiting = this.#byId.get(id);
    waiting?.reject(error);
    return waiting !== undefined;
  }

  /** Fails everybody. */
  clear(error: AgentwireError): void {
    for (const waiting of this.#line) waiting.reject(error);
  }

  /** Resolves when nobody waits any more, or after `timeoutMs`. */
  async emptied(timeoutMs: number): Promise<void> {
    if (this.#line.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenEmpty.push(resolve);
    const timer = this.#clock.setTimeout(resolve, timeoutMs);
    await promise;
    this.#clock.clearTimeout(timer);
  }
}
