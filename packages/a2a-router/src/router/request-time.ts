import type { Clock } from '@agentwire/core';

/** Milliseconds of wall time after which the monotonic clock is read again. */
const KNOWN_MS = 20;

/**
 * Monotonic time of requests, told from the wall time that each of them reads anyway: one clock read less.
 *
 * Where the wall clock is set meanwhile it is wrong by less than 20 ms, until 20 ms later at most.
 */
export class RequestTime {
  readonly #clock: Clock;
  #wall = -Infinity;
  #now = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives the monotonic time at a wall time that was read just now. */
  at(wall: number): number {
    const passed = wall - this.#wall;
    if (passed >= 0 && passed < KNOWN_MS) return this.#now + passed;
    this.#wall = wall;
    this.#now = this.#clock.now();
    return this.#now;
  }
}
