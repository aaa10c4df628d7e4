import { setImmediate } from 'node:timers/promises';
import type { AgentwireError, Clock } from '@agentwire/core';
import { Latencies, type LatencySummary } from './latencies.ts';

/** Result of one closed-loop run. */
export interface LoopResult {
  readonly inFlight: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly latencyMs: LatencySummary;
  /** Errors by code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Options of {@link runClosedLoop}. */
export interface LoopOptions {
  /** Concurrent callers; each waits for its answer before it asks again. */
  readonly inFlight: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Collector of the latencies; default a new one. */
  readonly latencies?: Latencies | undefined;
}

/** Runs `inFlight` callers in a closed loop. @param ask sends one request, by its number; rejections are counted */
export async function runClosedLoop(ask: (n: number) => Promise<unknown>, options: LoopOptions): Promise<LoopResult> {
  const { inFlight, clock, signal } = options;
  const latencies = options.latencies ?? new Latencies();
  const errors: Record<string, number> = {};
  // a clock read costs as much as encoding a small message, so beyond depth 1 only every 16th request is timed
  const every = inFlight === 1 ? 1 : 16;
  let asked = 0;
  let answered = 0;
  let measuring = false;
  const run = { on: true };
  const caller = async (): Promise<void> => {
    while (run.on) {
      asked += 1;
      const timed = measuring && asked % every === 0;
      const since = timed ? clock.now() : 0;
      try {
        await ask(asked);
      } catch (error) {
        const { code } = error as AgentwireError;
        errors[code] = (errors[code] ?? 0) + 1;
        // a caller that was refused at once, and asks again at once, would never let the event loop turn: the run would not end
        await setImmediate();
      }
      answered += 1;
      if (timed) latencies.add(clock.now() - since);
    }
  };
  const wait = (seconds: number): Promise<void> =>
    new Promise((resolve) => {
      // keeps the process alive, as the timers of the clock do not
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, seconds * 1000);
      signal?.addEventListener('abort', done, { once: true });
    });
  const callers = Array.from({ length: inFlight }, caller);
  await wait(options.warmupSeconds);
  measuring = true;
  const [since, before] = [clock.now(), answered];
  await wait(options.seconds);
  const seconds = (clock.now() - since) / 1000;
  const requestsPerSecond = Math.round((answered - before) / seconds);
  run.on = false;
  await Promise.all(callers);
  return { inFlight, seconds: Number(seconds.toFixed(2)), requestsPerSecond, latencyMs: latencies.summary(), errors };
}
