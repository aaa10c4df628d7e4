import type { Clock, Logger } from '@agentwire/core';
import { LinkedList, type ListEntry, Sweep } from '@agentwire/core/internal';
import { guarded } from './guarded.ts';

/** Something with deadlines. */
export interface Watched {
  /** Ends it if it has taken too long. Called several times within the shortest timeout. */
  check(now: number): void;
  /** Its place among those that are checked; only {@link Deadlines} sets it. */
  deadline?: ListEntry<Watched> | undefined;
}

/** Longest time between two checks, in milliseconds. */
const MAX_INTERVAL_MS = 250;

/** One timer for every deadline of a gateway, in place of one per request and chunk. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #watched = new LinkedList<Watched>();
  readonly #sweep: Sweep;

  /** @param shortestMs the shortest of the timeouts that are checked */
  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }, shortestMs: number) {
    this.#clock = clock;
    const check = guarded('a deadline', logger, (watched: Watched, now: number) => watched.check(now));
    const checkAll = guarded('the deadlines', logger, () => {
      const now = clock.now();
      for (const watched of this.#watched) check(watched, now);
    });
    this.#sweep = new Sweep(clock, Math.min(Math.max(Math.floor(shortestMs / 4), 5), MAX_INTERVAL_MS), () => {
      checkAll();
      return this.#watched.size > 0;
    });
  }

  /** Returns the time that `check` is called with, in milliseconds of the clock. */
  now(): number {
    return this.#clock.now();
  }

  add(watched: Watched): void {
    watched.deadline ??= this.#watched.append(watched);
    if (!this.#sweep.running) this.#sweep.start();
  }

  delete(watched: Watched): void {
    if (watched.deadline === undefined) return;
    this.#watched.remove(watched.deadline);
    watched.deadline = undefined;
  }
}
