import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';

interface Waiting {
  readonly admit: () => boolean;
  readonly reject: (error: AgentwireError) => void;
  readonly timer: TimerHandle;
  readonly detach: () => void;
}

/** What one who waits may ask for. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests that wait for a free connection, first come first served; bounded in number and time. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #line = new Set<Waiting>();

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get length(): number {
    return this.#line.size;
  }

  /**
   * Waits until `tryAdmit` gives something.
   *
   * @throws AgentwireError `ERR_OVERLOADED` when the line is full, `ERR_TIMEOUT`, `ERR_ABORTED`, and what `tryAdmit` throws.
   */
  wait<T>(tryAdmit: () => T | undefined, options: WaitOptions): Promise<T> {
    if (this.#line.size >= this.#max) {
      return Promise.reject(new AgentwireError('ERR_OVERLOADED', `${this.#max} requests wait for a free connection`));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#line.delete(waiting);
        this.#clock.clearTimeout(waiting.timer);
        waiting.detach();
      };
      const fail = (error: AgentwireError): void => {
        leave();
        reject(error);
      };
      const onAbort = (): void => {
        fail(new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: options.signal?.reason }));
      };
      const onTimeout = (): void => fail(new AgentwireError('ERR_TIMEOUT', 'no connection became free in time'));
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
        timer: this.#clock.setTimeout(onTimeout, options.timeoutMs),
        detach: () => options.signal?.removeEventListener('abort', onAbort),
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.#line.add(waiting);
    });
  }

  /** Lets in whom there is room for. */
  advance(): void {
    for (const waiting of this.#line) if (!waiting.admit()) return;
  }

  /** Fails everybody. */
  clear(error: AgentwireError): void {
    for (const waiting of this.#line) waiting.reject(error);
  }
}
