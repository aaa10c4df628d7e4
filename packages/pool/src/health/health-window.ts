import type { AgentwireError } from '@agentwire/core';

const BUCKETS = 10;

/** Numbers of outcomes, and of failures among them. */
export interface OutcomeCounts {
  readonly outcomes: number;
  readonly failures: number;
}

/** Counts of the outcomes within a sliding window, which moves on by tenths of its length. */
export class OutcomeWindow {
  readonly #bucketMs: number;
  /** Outcomes and, behind them, failures by tenths of the window. */
  readonly #counts = new Uint32Array(2 * BUCKETS);
  /** Bucket of the last outcome, counted from the clock's start. */
  #bucket = -1;
  /** Place of that bucket, and the time from which on it is another one. */
  #at = 0;
  #endsAt = -Infinity;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** Records one outcome. @param now time on a clock that never goes back */
  record(failed: boolean, now: number): void {
    if (now >= this.#endsAt) this.#advance(now);
    this.#counts[this.#at] = (this.#counts[this.#at] as number) + 1;
    if (!failed) return;
    const at = this.#at + BUCKETS;
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  /** Returns the counts of the window that ends at `now`. */
  totals(now: number): OutcomeCounts {
    if (now >= this.#endsAt) this.#advance(now);
    let outcomes = 0;
    let failures = 0;
    for (let at = 0; at < BUCKETS; at++) {
      outcomes += this.#counts[at] as number;
      failures += this.#counts[at + BUCKETS] as number;
    }
    return { outcomes, failures };
  }

  /** Adds the outcomes of a window of the same length. */
  add(other: OutcomeWindow, now: number): void {
    if (now >= this.#endsAt) this.#advance(now);
    if (now >= other.#endsAt) other.#advance(now);
    for (const [at, count] of other.#counts.entries()) this.#counts[at] = (this.#counts[at] as number) + count;
  }

  /** Forgets every outcome. */
  clear(): void {
    this.#counts.fill(0);
  }

  /** Clears the buckets that have left the window. */
  #advance(now: number): void {
    const bucket = Math.max(this.#bucket, Math.floor(now / this.#bucketMs));
    const passed = Math.min(bucket - this.#bucket, BUCKETS);
    for (let at = 0; at < passed; at++) {
      const old = (bucket - at) % BUCKETS;
      this.#counts[old] = 0;
      this.#counts[old + BUCKETS] = 0;
    }
    this.#bucket = bucket;
    this.#at = bucket % BUCKETS;
    this.#endsAt = (bucket + 1) * this.#bucketMs;
  }
}

/** Health by success rate: healthy over 95 %, degraded from 80 %, else unhealthy. */
export type HealthVerdict = 'healthy' | 'degraded' | 'unhealthy';

const WINDOW_MS = 60_000;
const WEIGHT = 0.1;

/** Outcomes of the last minute on one connection, and the moving average of its latency. */
export class HealthWindow {
  /** Exponentially weighted moving average of successful answers, in milliseconds; 0 before the first. */
  averageLatencyMs = 0;
  lastError: AgentwireError | undefined;
  readonly #window = new OutcomeWindow(WINDOW_MS);

  /** Records an answer. */
  succeeded(durationMs: number, now: number): void {
    this.#window.record(false, now);
    const average = this.averageLatencyMs;
    this.averageLatencyMs = average === 0 ? durationMs : average + WEIGHT * (durationMs - average);
  }

  /** Records an event that the agent did not answer as it should. */
  failed(error: AgentwireError, now: number): void {
    this.#window.record(true, now);
    this.lastError = error;
  }

  /** Returns the counts of the last minute. */
  totals(now: number): OutcomeCounts {
    return this.#window.totals(now);
  }

  /** Returns the success rate of the last minute, 0 to 1; 1 without an outcome. */
  successRate(now: number): number {
    return successRateOf(this.totals(now));
  }

  /** Adds what another connection, which is gone, has done. */
  add(gone: HealthWindow, now: number): void {
    this.#window.add(gone.#window, now);
    if (gone.averageLatencyMs !== 0) this.averageLatencyMs = gone.averageLatencyMs;
  }
}

/** Returns the share of successes; 1 without an outcome. */
export function successRateOf({ outcomes, failures }: OutcomeCounts): number {
  return outcomes === 0 ? 1 : (outcomes - failures) / outcomes;
}

/** Returns the verdict on a success rate. */
export function verdictOf(successRate: number): HealthVerdict {
  if (successRate > 0.95) return 'healthy';
  return successRate >= 0.8 ? 'degraded' : 'unhealthy';
}
