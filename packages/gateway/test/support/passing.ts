import type { createManualClock } from '@agentwire/core/testing';

/** Lets a manual clock pass, a little at a time, until a promise has settled. */
export async function passing<T>(clock: ReturnType<typeof createManualClock>, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const settle = (): void => void (state.settled = true);
  void promise.then(settle, settle);
  while (!state.settled) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
  return promise;
}
