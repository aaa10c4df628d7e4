import { AgentwireError, type Clock } from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import type { Turns } from '../body/turns.ts';

/** How often deadlines are looked at, in milliseconds: an event is given up at most this much late. */
const SWEEP_MS = 20;

/** Watches the deadlines of all events that wait for their handlers, with one timer. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onExpire: (turns: Turns) => void;
  /** All have the same timeout, so the order of insertion is the order of the deadlines. */
  readonly #watched = new Set<Turns>();
  readonly #sweep: Sweep;

  constructor(clock: Clock, timeoutMs: number, onExpire: (turns: Turns) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onExpire = onExpire;
    this.#sweep = new Sweep(clock, timeoutMs, () => this.#expireDue());
  }

  watch(turns: Turns): void {
    turns.deadlineAt = this.#clock.now() + this.#timeoutMs;
    this.#watched.add(turns);
    if (!this.#sweep.running) this.#sweep.start();
  }

  unwatch(turns: Turns): void {
    this.#watched.delete(turns);
  }

  stop(): void {
    this.#sweep.stop();
  }

  /** @returns milliseconds until the next deadline, or `false` if there is none */
  #expireDue(): number | false {
    const now = this.#clock.now();
    for (const turns of this.#watched) {
      if (turns.deadlineAt > now) {
        return Math.max(SWEEP_MS, turns.deadlineAt - now);
      }
      this.#onExpire(turns);
      turns.expire(
        new AgentwireError('ERR_TIMEOUT', `the agent's handler did not decide within ${this.#timeoutMs} ms`),
      );
    }
    return false;
  }
}
