import { AgentwireError } from '@agentwire/core';
import { backoffDelay, keepConnected } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the wait grows by its factor to its bound, and jitter moves it both ways', () => {
  expect([1, 2, 3].map((failures) => Math.round(backoffDelay(failures, {}, 0.5)))).toEqual([100, 160, 256]);
  expect(backoffDelay(1000, {}, 0.5)).toBe(30_000);
  expect(backoffDelay(1, {}, 0)).toBeCloseTo(80);
  expect(backoffDelay(1, {}, 1)).toBeCloseTo(120);
});

test('it tries until its signal is aborted, and a good connection starts the waits anew', async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  const waits: number[] = [];
  let attempts = 0;
  let end: ((how: { error?: AgentwireError }) => void) | undefined;
  const done = keepConnected({
    clock,
    signal: stop.signal,
    random: () => 0.5,
    onFailure: (_error, _failures, waitMs) => waits.push(Math.round(waitMs)),
    connect: async () => {
      attempts += 1;
      if (attempts !== 3 && attempts !== 5) throw new AgentwireError('ERR_CONNECT', 'nothing listens');
      return { ended: new Promise<{ error?: AgentwireError }>((resolve) => (end = resolve)) };
    },
  });
  for (const wait of [100, 160]) {
    await turn();
    clock.advance(wait);
  }
  await turn();
  clock.advance(6_000);
  end?.({ error: new AgentwireError('ERR_CLOSED', 'reset') });
  await turn();
  expect(waits).toEqual([100, 160, 100]);
  clock.advance(100);
  await turn();
  expect(waits).toEqual([100, 160, 100, 160]);
  clock.advance(160);
  await turn();
  clock.advance(5_000);
  // a graceful end needs no wait: the attempt that follows at once fails, and is the first failure
  end?.({});
  await turn();
  expect(waits).toEqual([100, 160, 100, 160, 100]);
  stop.abort();
  await done;
  expect([attempts, clock.pendingTimers]).toEqual([6, 0]);
});
