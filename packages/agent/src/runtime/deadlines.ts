import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
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
  #timer: TimerHandle;
  #armed = false;

  constructor(clock: Clock, timeoutMs: number, onExpire: (turns: Turns) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onExpire = onExpire;
  }

  watch(turns: Turns): void {
    turns.deadlineAt = this.#clock.now() + this.#timeoutMs;
    this.#watched.add(turns);
    if (!this.#armed) this.#arm(this.#timeoutMs);
  }

  unwatch(turns: Turns): void {
    this.#watched.delete(turns);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#armed = false;
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), delayMs);
  }

  #sweep(): void {
    this.#armed = false;
    const now = this.#clock.now();
    for (const turns of this.#watched) {
      if (turns.deadlineAt > now) {
        this.#arm(Math.max(SWEEP_MS, turns.deadlineAt - now));
        return;
      }
      this.#onExpire(turns);
      turns.expire(
        new AgentwireError('ERR_TIMEOUT', `the agent's handler did not decide within ${this.#timeoutMs} ms`),
      );
    }
  }
}
