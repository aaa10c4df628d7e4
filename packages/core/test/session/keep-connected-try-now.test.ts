import { AgentwireError } from '@agentwire/core';
import { keepConnected } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a wait can be ended early, once, and leaves no timer and no listener', async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  const tries: (() => void)[] = [];
  let attempts = 0;
  const done = keepConnected({
    clock,
    signal: stop.signal,
    onWait: (tryNow) => tries.push(tryNow),
    connect: () => {
      attempts += 1;
      return Promise.reject(new AgentwireError('ERR_CONNECT', 'nothing listens'));
    },
  });
  await turn();
  expect([attempts, tries.length]).toEqual([1, 1]);
  tries[0]?.();
  await turn();
  expect([attempts, tries.length, clock.pendingTimers]).toEqual([2, 2, 1]);
  tries[0]?.();
  await turn();
  expect(attempts).toBe(2);
  stop.abort();
  await done;
  expect([attempts, clock.pendingTimers]).toEqual([2, 0]);
});
