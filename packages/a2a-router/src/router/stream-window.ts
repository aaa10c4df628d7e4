import type { AgentwireError } from '@agentwire/core';
import { Ring } from '../inbox/ring.ts';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: AgentwireError) => void;
}

/** Credits of one streamed answer: parts that its reader has room for. */
export class StreamWindow {
  /** Parts that the reader has room for. */
  readonly size: number;
  readonly #waiting = new Ring<Waiter>();
  #credits: number;
  #closed: AgentwireError | undefined;

  constructor(size: number) {
    this.size = size;
    this.#credits = size;
  }

  /** Takes a credit; undefined at once, a promise while there is none, which rejects when the stream ends. */
  take(): Promise<void> | undefined {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#credits > 0) {
      this.#credits -= 1;
      return undefined;
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Gives a credit back: a part was read, or was not sent. */
  restore(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve();
    else if (this.#credits < this.size) this.#credits += 1;
  }

  /** Ends every wait. */
  close(error: AgentwireError): void {
    this.#closed = error;
    for (const waiter of this.#waiting.drain()) waiter.reject(error);
  }
}
