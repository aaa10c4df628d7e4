import type { Clock } from '@agentwire/core';

/** Counts what a peer does too often: a bucket of `burst` that fills again at a tenth of it a second. */
export class FloodGuard {
  readonly #clock: Clock;
  readonly #burst: number;
  #left: number;
  #at: number;

  constructor(clock: Clock, burst: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#left = burst;
    this.#at = clock.now();
  }

  /** Takes one. @returns whether there was one to take. */
  take(): boolean {
    const now = this.#clock.now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * (this.#burst / 10));
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
