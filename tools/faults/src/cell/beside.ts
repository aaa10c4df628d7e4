import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { headers } from './events.ts';
import type { TrackedSession } from './tracked-session.ts';

/** Tolerance of a p99 on a machine with other work, in milliseconds. */
export const NOISE_MS = 5;

/** p99 of requests that nothing happened to, one after the other. */
export async function p99(tracked: TrackedSession, count: number): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const since = monotonicMs();
    times.push((await tracked.ask(headers('/?n=0'))).at - since);
    await sleep(1);
  }
  return quantile(times, 0.99);
}

/** p99 for as long as `work` takes. */
export async function p99During(tracked: TrackedSession, work: Promise<unknown>): Promise<number> {
  const state = { over: false };
  const ended = work.finally(() => (state.over = true));
  const times: number[] = [];
  while (!state.over) {
    const since = monotonicMs();
    times.push((await tracked.ask(headers('/?n=0'))).at - since);
    await sleep(1);
  }
  await ended;
  return quantile(times, 0.99);
}
