import type { Clock, Logger } from '@agentwire/core';
import { guarded } from './guarded.ts';

/** Something with deadlines. */
export interface Watched {
  /** Ends what has taken too long. Called several times within the shortest timeout. */
  check(now: number): void;
}

/** Longest time between two checks, in milliseconds. */
const MAX_INTERVAL_MS = 250;

/** One timer for every deadline of a gateway: setting one per request or chunk would cost more than the requests. */
export class Sweep {
  readonly #clock: Clock;
  readonly #check: (watched: Watched, now: number) => void;
  readonly #tick: () => void;
  readonly #intervalMs: number;
  readonly #watched = new Set<Watched>();
  #armed = false;

  /** @param shortestMs the shortest of the timeouts that are checked */
  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }, shortestMs: number) {
    this.#clock = clock;
    this.#check = guarded('a deadline', logger, (watched: Watched, now: number) => watched.check(now));
    this.#tick = guarded('the deadlines', logger, () => this.#checkAll());
    this.#intervalMs = Math.min(Math.max(Math.floor(shortestMs / 4), 5), MAX_INTERVAL_MS);
  }

  /** Milliseconds of the clock that `check` is given. */
  now(): number {
    return this.#clock.now();
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#armed) this.#arm();
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #arm(): void {
    this.#armed = true;
    this.#clock.setTimeout(this.#tick, this.#intervalMs);
  }

  #checkAll(): void {
    this.#armed = false;
    const now = this.#clock.now();
    for (const watched of this.#watched) this.#check(watched, now);
    if (this.#watched.size > 0 && !this.#armed) this.#arm();
  }
}
