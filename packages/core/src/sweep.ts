import type { Clock, TimerHandle } from './clock.ts';

/** Repeating timer that runs only while there is work: one for many deadlines, because one per deadline would cost more. */
export class Sweep {
  /** True while a check is scheduled; stays `true` after {@link stop}, so that nothing schedules one again. */
  running = false;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #check: () => boolean | number;
  #timer: TimerHandle;

  /** @param check does the work and returns whether some is left, or after how many milliseconds to check again */
  constructor(clock: Clock, intervalMs: number, check: () => boolean | number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#check = check;
  }

  /** Schedules the next check, in place of one that is scheduled. No effect after {@link stop} if guarded by {@link running}. */
  start(delayMs: number = this.#intervalMs): void {
    this.#clock.clearTimeout(this.#timer);
    this.running = true;
    this.#timer = this.#clock.setTimeout(() => {
      this.running = false;
      const next = this.#check();
      // the check may have scheduled another one, or stopped the sweep
      if (next !== false && !this.running) this.start(next === true ? this.#intervalMs : next);
    }, delayMs);
  }

  /** Ends the sweep. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.running = true;
  }
}
