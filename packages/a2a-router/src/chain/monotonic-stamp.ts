import type { Clock } from '@agentwire/core';
import type { ChainEvent } from './chain-event.ts';

/** Gives every entry its time; in format 2 each is later than the one before, whatever the clock of the machine does. */
export class MonotonicStamp {
  readonly #clock: Clock;
  readonly #format: 1 | 2;
  #milliseconds = 0;
  /** Nanoseconds into the current millisecond, counted up for entries that share one. */
  #nanos = 0;

  constructor(clock: Clock, format: 1 | 2) {
    this.#clock = clock;
    this.#format = format;
  }

  /** Goes on after an entry that was read from a file. */
  continueAfter({ seconds, nanos }: Pick<ChainEvent, 'seconds' | 'nanos'>): void {
    this.#milliseconds = seconds * 1000 + Math.floor(nanos / 1e6);
    this.#nanos = nanos % 1e6;
  }

  /** The time of the next entry. */
  next(): Pick<ChainEvent, 'seconds' | 'nanos'> {
    const now = Math.floor(this.#clock.wallNow());
    if (this.#format === 1) return { seconds: Math.floor(now / 1000), nanos: 0 };
    if (now > this.#milliseconds) {
      this.#milliseconds = now;
      this.#nanos = 0;
    } else if (this.#nanos < 999_999) {
      this.#nanos += 1;
    } else {
      this.#milliseconds += 1;
      this.#nanos = 0;
    }
    const seconds = Math.floor(this.#milliseconds / 1000);
    return { seconds, nanos: (this.#milliseconds - seconds * 1000) * 1e6 + this.#nanos };
  }
}
