import { createManualClock } from '@agentwire/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CircuitBreaker, type CircuitBreakerSettings } from '../../src/agent/circuit-breaker.ts';

const SETTINGS: CircuitBreakerSettings = {
  threshold: 3,
  resetTimeoutMs: 1_000,
  errorRatio: 2,
  windowMs: 10_000,
  minRequests: 20,
};

function breakerWith(settings: Partial<CircuitBreakerSettings> = {}): {
  readonly breaker: CircuitBreaker;
  readonly clock: ReturnType<typeof createManualClock>;
} {
  const clock = createManualClock();
  return { breaker: new CircuitBreaker({ ...SETTINGS, ...settings }, clock), clock };
}

describe('CircuitBreaker', () => {
  test('opens at the threshold, refuses, probes once after the reset timeout, closes on success', () => {
    const { breaker, clock } = breakerWith();
    for (const failed of [true, true, false, true, true]) {
      expect(breaker.admit()).toBe('pass');
      expect(breaker.record(failed)).toBe(false);
    }
    clock.advance(5);
    expect(breaker.record(true)).toBe(true);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 5 });
    clock.advance(999);
    expect(breaker.admit()).toBe('refuse');
    clock.advance(1);
    expect(breaker.admit()).toBe('probe');
    expect(breaker.state).toBe('halfOpen');
    expect(breaker.admit()).toBe('refuse');
    breaker.probed(false);
    expect(breaker.state).toBe('closed');
    expect(breaker.record(true)).toBe(false);
  });

  test('a failed probe opens it anew; one that tells nothing is followed by another', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.record(true);
    clock.advance(1_000);
    expect(breaker.admit()).toBe('probe');
    breaker.probed(undefined);
    expect(breaker.admit()).toBe('probe');
    clock.advance(500);
    breaker.probed(true);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 1_500 });
    clock.advance(999);
    expect(breaker.admit()).toBe('refuse');
  });

  test('a new connection moves an open breaker to half-open at once, and changes nothing else', () => {
    const { breaker } = breakerWith({ threshold: 1 });
    breaker.connected();
    expect(breaker.state).toBe('closed');
    breaker.record(true);
    breaker.connected();
    expect(breaker.admit()).toBe('probe');
    breaker.connected();
    expect(breaker.admit()).toBe('refuse');
  });

  test('outcomes of requests that were admitted before it opened change nothing', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.record(true);
    breaker.record(false);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 0 });
    clock.advance(1_000);
    expect(breaker.admit()).toBe('probe');
    breaker.record(true);
    breaker.record(false);
    expect(breaker.state).toBe('halfOpen');
  });

  test('the error ratio opens it from minRequests on, over a window that moves', () => {
    const ratio = { threshold: Infinity, errorRatio: 0.5, minRequests: 10 };
    const { breaker, clock } = breakerWith(ratio);
    for (let at = 0; at < 4; at++) breaker.record(false);
    clock.advance(5_000);
    for (let at = 0; at < 4; at++) expect(breaker.record(true)).toBe(false);
    expect(breaker.record(false)).toBe(false);
    expect(breaker.record(true)).toBe(true);
    const later = breakerWith(ratio);
    for (let at = 0; at < 9; at++) later.breaker.record(true);
    later.clock.advance(10_000);
    expect(later.breaker.record(true)).toBe(false);
  });

  test('agrees with a model over any sequence of commands', () => {
    const command = fc.oneof(
      fc.record({ do: fc.constant('request' as const), failed: fc.option(fc.boolean(), { nil: undefined }) }),
      fc.record({ do: fc.constant('finish' as const), which: fc.nat(5), failed: fc.boolean() }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(1_500) }),
      fc.record({ do: fc.constant('connect' as const) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (commands, threshold) => {
        const { breaker, clock } = breakerWith({ threshold });
        let now = 0;
        let inRow = 0;
        let openedAt: number | undefined;
        let half = false;
        let probes = 0;
        let inFlight = 0;
        for (const one of commands) {
          if (one.do === 'wait') {
            now += one.ms;
            clock.advance(one.ms);
          } else if (one.do === 'connect') {
            breaker.connected();
            if (openedAt !== undefined) [openedAt, half] = [undefined, true];
          } else if (one.do === 'finish') {
            // one that passed while it was closed; it counts only if it still is
            if (inFlight === 0) continue;
            inFlight -= 1;
            const opened = breaker.record(one.failed);
            if (openedAt !== undefined || half) {
              expect(opened).toBe(false);
              continue;
            }
            inRow = one.failed ? inRow + 1 : 0;
            expect(opened).toBe(inRow >= threshold);
            if (opened) [openedAt, inRow] = [now, 0];
          } else {
            const admitted = breaker.admit();
            const due = openedAt !== undefined && now - openedAt >= SETTINGS.resetTimeoutMs;
            if (openedAt === undefined && !half) {
              expect(admitted).toBe('pass');
              inFlight += 1;
            } else if (half || due) {
              expect(admitted).toBe('probe');
              [openedAt, half] = [undefined, true];
              probes += 1;
              expect(breaker.admit()).toBe('refuse');
              breaker.probed(one.failed);
              if (one.failed === true) [openedAt, half] = [now, false];
              if (one.failed === false) [half, inRow] = [false, 0];
            } else expect(admitted).toBe('refuse');
          }
          const model = openedAt !== undefined ? { state: 'open', openedAt } : half ? 'halfOpen' : 'closed';
          expect(breaker.state).toEqual(model);
        }
        return probes >= 0;
      }),
      { numRuns: 20_000 },
    );
  });
});
