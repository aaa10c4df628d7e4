import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Latencies } from '@agentwire/cli/internal';
import type { HttpLoad } from './load.ts';

/** Counts what a load program does until its time is over. */
export class MeasuredLoad {
  readonly #latencies = new Latencies();
  #count = 0;
  #failed = 0;
  over = false;

  /** Counts one that succeeded. @param since when it began, by `performance.now()` */
  done(since: number): void {
    this.#count += 1;
    this.#latencies.add(performance.now() - since);
  }

  /** Counts one that failed. */
  failed(): void {
    if (!this.over) this.#failed += 1;
  }

  /** Writes what was counted within `seconds`, and ends the process. */
  async report(seconds: number): Promise<never> {
    const since = performance.now();
    await wait(seconds * 1000);
    this.over = true;
    const elapsed = (performance.now() - since) / 1000;
    const { p50: p50Ms, p99: p99Ms } = this.#latencies.summary();
    const requests = this.#count;
    const result: HttpLoad = { requests, requestsPerSecond: requests / elapsed, p50Ms, p99Ms, failed: this.#failed };
    writeSync(1, JSON.stringify(result));
    process.exit(0);
  }
}
