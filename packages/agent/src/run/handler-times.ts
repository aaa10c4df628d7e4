import { AgentwireError, type Clock } from '@agentwire/core';
import { LinkedList, markLogged, Sweep } from '@agentwire/core/internal';
import type { HandlerRun } from './handler-run.ts';

/** Shortest time between two checks, in milliseconds: an event is given up at most this much late. */
const SWEEP_MS = 20;

/** Deadlines of all events that wait for their handlers, with one timer. */
export class HandlerDeadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onExpire: (run: HandlerRun) => void;
  /** All have the same timeout, so the order of insertion is the order of the deadlines. */
  readonly #watched = new LinkedList<HandlerRun>();
  readonly #sweep: Sweep;

  constructor(clock: Clock, timeoutMs: number, onExpire: (run: HandlerRun) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onExpire = onExpire;
    this.#sweep = new Sweep(clock, timeoutMs, () => this.#expireDue());
  }

  watch(run: HandlerRun): void {
    run.deadlineAt = this.#clock.now() + this.#timeoutMs;
    run.deadline = this.#watched.append(run);
    if (!this.#sweep.running) this.#sweep.start();
  }

  unwatch(run: HandlerRun): void {
    if (run.deadline !== undefined) this.#watched.remove(run.deadline);
  }

  stop(): void {
    this.#sweep.stop();
  }

  /** @returns milliseconds until the next deadline, or `false` if there is none */
  #expireDue(): number | false {
    const now = this.#clock.now();
    for (const run of this.#watched) {
      if (run.deadlineAt > now) return Math.max(SWEEP_MS, run.deadlineAt - now);
      this.#onExpire(run);
      const why = `the agent's handler did not decide within ${this.#timeoutMs} ms`;
      run.expire(markLogged(new AgentwireError('ERR_TIMEOUT', why)));
    }
    return false;
  }
}

/** Number of measurements that are kept for a report. */
const KEPT = 512;

/** Summary of a {@link LatencyWindow}, in milliseconds. */
interface LatencySummary {
  readonly average: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The latest 512 measurements of the time that decisions took. */
export class LatencyWindow {
  readonly #values = new Float64Array(KEPT);
  #count = 0;

  add(ms: number): void {
    this.#values[this.#count % KEPT] = ms;
    this.#count += 1;
  }

  summary(): LatencySummary {
    const sorted = this.#values.slice(0, Math.min(this.#count, KEPT)).toSorted();
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    const sum = sorted.reduce((total, value) => total + value, 0);
    return { average: sorted.length === 0 ? 0 : sum / sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
