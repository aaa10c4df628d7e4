import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GradientLimit } from '../../src/agent/gradient-limit.ts';
import { RUNS } from '../runs.ts';

const OPTIONS = { initialLimit: 20, minLimit: 4, maxLimit: 500, tolerance: 1.5, windowMs: 100 };

/** Time that goes on from one run to the next. */
const time = { now: 0 };

/**
 * An agent with so many workers, each busy for `serviceMs` with one event: more in flight than workers wait in its queue. Runs it for
 * `windows` measurements with as many events in flight as the limit allows, or as are wanted.
 */
function run(limit: GradientLimit, agent: { workers: number; serviceMs: number }, windows: number, wanted = Infinity) {
  for (let at = 0; at < windows; at++) {
    const inFlight = Math.max(1, Math.floor(Math.min(limit.current, wanted)));
    const latencyMs = agent.serviceMs * Math.max(1, inFlight / agent.workers);
    for (let sample = 0; sample < 20; sample++) {
      time.now += 10;
      limit.record(latencyMs, inFlight, false, time.now);
    }
  }
}

describe('GradientLimit', () => {
  test('grows to what an agent can do at once, and not far past it', () => {
    const limit = new GradientLimit(OPTIONS);
    run(limit, { workers: 100, serviceMs: 10 }, 200);
    expect(limit.current).toBeGreaterThan(100);
    expect(limit.current).toBeLessThan(250);
  });

  test('falls when an agent becomes slow, and recovers when it is fast again', () => {
    const limit = new GradientLimit(OPTIONS);
    run(limit, { workers: 100, serviceMs: 10 }, 100);
    const before = limit.current;
    run(limit, { workers: 5, serviceMs: 10 }, 10);
    expect(limit.current).toBeLessThan(before / 2);
    const low = limit.current;
    run(limit, { workers: 100, serviceMs: 10 }, 100);
    expect(limit.current).toBeGreaterThan(Math.max(low, 80));
  });

  test('does not grow while it is not used', () => {
    const limit = new GradientLimit(OPTIONS);
    run(limit, { workers: 100, serviceMs: 10 }, 100, 5);
    expect(limit.current).toBe(20);
  });

  test('falls at once after a timeout or a refusal', () => {
    const limit = new GradientLimit(OPTIONS);
    for (let sample = 0; sample < 20; sample++) limit.record(10, 20, sample === 3, sample * 10);
    expect(limit.current).toBe(16);
  });

  test('stays within its limits and a finite number, whatever it measures', () => {
    const sample = fc.record({
      durationMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true })),
      inFlight: fc.nat(2_000),
      dropped: fc.boolean(),
      waitMs: fc.nat(200),
    });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 80 }), (samples) => {
        const limit = new GradientLimit({ ...OPTIONS, windowMs: 50 });
        let now = 0;
        for (const { durationMs, inFlight, dropped, waitMs } of samples) {
          now += waitMs;
          const before = limit.current;
          const measured = limit.record(durationMs, inFlight, dropped, now);
          if (!measured && limit.current !== before) expect.fail('the limit changed between measurements');
          if (!(limit.current >= 4 && limit.current <= 500)) expect.fail(`the limit is ${limit.current}`);
        }
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });
});
