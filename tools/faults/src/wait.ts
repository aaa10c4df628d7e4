import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './now.ts';

/** Looks every few milliseconds until `test` holds. @returns whether it did within `timeoutMs` */
export async function waitUntil(test: () => boolean, timeoutMs: number, everyMs: number = 2): Promise<boolean> {
  const until = monotonicMs() + timeoutMs;
  while (!test()) {
    if (monotonicMs() > until) return false;
    await sleep(everyMs);
  }
  return true;
}

/** Resolves to what `promise` gives, or to `undefined` after `timeoutMs`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
