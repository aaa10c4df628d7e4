import { AgentwireError, systemClock } from '@agentwire/core';
import { expect, test } from 'vitest';
import { runClosedLoop } from '../src/bench/closed-loop.ts';

test('callers that are refused at once let the event loop turn, so that the run ends', async () => {
  let asked = 0;
  let atFirstTurn = 0;
  setImmediate(() => (atFirstTurn = asked));
  const ask = async (): Promise<void> => {
    // else a loop that does not turn would take this test with it
    if ((asked += 1) > 100_000) return new Promise((resolve) => setImmediate(resolve));
    throw new AgentwireError('ERR_OVERLOADED', 'no room');
  };
  const { errors, requestsPerSecond } = await runClosedLoop(ask, {
    inFlight: 8,
    seconds: 0.02,
    warmupSeconds: 0.01,
    clock: systemClock,
  });
  expect(atFirstTurn).toBe(8);
  expect(errors).toEqual({ ERR_OVERLOADED: Math.min(asked, 100_000) });
  expect(requestsPerSecond).toBeGreaterThan(0);
});
