import { createManualClock } from '@agentwire/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUNS } from '../runs.ts';
import { CircuitBreaker, type CircuitBreakerSettings, type Probe } from '../../src/agent/circuit-breaker.ts';

const SETTINGS: CircuitBreakerSettings = {
  threshold: 3,
  resetTimeoutMs: 1_000,
  probeTimeoutMs: 400,
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

/** Asks for admission, which must make the request a probe. */
function probeOf(breaker: CircuitBreaker): Probe {
  const admitted = breaker.admit();
  if (typeof admitted === 'string') throw new Error(`admitted as ${admitted}`);
  return admitted;
}

describe('CircuitBreaker', () => {
  test('opens at the threshold, refuses, probes once after the reset timeout, closes on success', () => {
    const { breaker, clock } = breakerWith();
    for (const failed of [true, true, false, true, true]) {
      expect(breaker.admit()).toBe('pass');
      expect(breaker.record(failed, clock.now())).toBe(false);
    }
    clock.advance(5);
    expect(breaker.record(true, clock.now())).toBe(true);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 5 });
    clock.advance(999);
    expect(breaker.admit()).toBe('refuse');
    clock.advance(1);
    const probe = probeOf(breaker);
    expect(breaker.state).toBe('halfOpen');
    expect(breaker.admit()).toBe('refuse');
    breaker.probed(probe, false);
    expect(breaker.state).toBe('closed');
    expect(breaker.record(true, clock.now())).toBe(false);
  });

  test('a failed probe opens it anew; one that tells nothing is followed by another', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.record(true, clock.now());
    clock.advance(1_000);
    breaker.probed(probeOf(breaker), undefined);
    const probe = probeOf(breaker);
    clock.advance(300);
    breaker.probed(probe, true);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 1_300 });
    clock.advance(999);
    expect(breaker.admit()).toBe('refuse');
  });

  test('a new connection moves an open breaker to half-open at once, and changes nothing else', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.connected();
    expect(breaker.state).toBe('closed');
    breaker.record(true, clock.now());
    breaker.connected();
    probeOf(breaker);
    breaker.connected();
    expect(breaker.admit()).toBe('refuse');
  });

  test('outcomes of requests that were admitted before it opened change nothing', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.record(true, clock.now());
    breaker.record(false, clock.now());
    expect(breaker.state).toEqual({ state: 'open', openedAt: 0 });
    clock.advance(1_000);
    probeOf(breaker);
    breaker.record(true, clock.now());
    breaker.record(false, clock.now());
    expect(breaker.state).toBe('halfOpen');
  });

  test('the error ratio opens it from minRequests on, over a window that moves', () => {
    const ratio = { threshold: Infinity, errorRatio: 0.5, minRequests: 10 };
    const { breaker, clock } = breakerWith(ratio);
    for (let at = 0; at < 4; at++) breaker.record(false, clock.now());
    clock.advance(5_000);
    for (let at = 0; at < 4; at++) expect(breaker.record(true, clock.now())).toBe(false);
    expect(breaker.record(false, clock.now())).toBe(false);
    expect(breaker.record(true, clock.now())).toBe(true);
    const later = breakerWith(ratio);
    for (let at = 0; at < 9; at++) later.breaker.record(true, later.clock.now());
    later.clock.advance(10_000);
    expect(later.breaker.record(true, later.clock.now())).toBe(false);
  });

  test('a probe without an outcome in its time has failed, and its late outcome changes nothing', () => {
    const { breaker, clock } = breakerWith({ threshold: 1 });
    breaker.record(true, 0);
    clock.advance(1_000);
    const probe = probeOf(breaker);
    clock.advance(399);
    expect(breaker.admit()).toBe('refuse');
    clock.advance(1);
    expect(breaker.state).toEqual({ state: 'open', openedAt: 1_400 });
    breaker.probed(probe, false);
    expect(breaker.admit()).toBe('refuse');
    clock.advance(1_000);
    const next = probeOf(breaker);
    breaker.probed(probe, true);
    expect(breaker.state).toBe('halfOpen');
    breaker.probed(next, false);
    expect(breaker.state).toBe('closed');
  });

  test('agrees with a model over any sequence of commands', () => {
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('request' as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(5), failed: fc.boolean() }),
      },
      fc.record({
        do: fc.constant('probed' as const),
        which: fc.nat(3),
        failed: fc.option(fc.boolean(), { nil: undefined }),
      }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(1_500) }),
      fc.record({ do: fc.constant('connect' as const) }),
    );
    const { resetTimeoutMs, probeTimeoutMs } = SETTINGS;
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (commands, threshold) => {
        const { breaker, clock } = breakerWith({ threshold });
        const probes: Probe[] = [];
        let inRow = 0;
        let passed = 0;
        let model: { openedAt?: number; half?: { probe?: Probe } } = {};
        const endProbe = (): void => {
          const until = model.half?.probe?.until;
          if (until !== undefined && clock.now() >= until) model = { openedAt: until };
        };
        for (const one of commands) {
          endProbe();
          if (one.do === 'wait') {
            clock.advance(one.ms);
            endProbe();
          } else if (one.do === 'connect') {
            breaker.connected();
            if (model.openedAt !== undefined) model = { half: {} };
          } else if (one.do === 'finish') {
            // one that passed while it was closed; it counts only if it still is
            if (passed === 0) continue;
            passed -= 1;
            const opened = breaker.record(one.failed, clock.now());
            const closed = model.openedAt === undefined && model.half === undefined;
            if (closed) inRow = one.failed ? inRow + 1 : 0;
            expect(opened).toBe(closed && inRow >= threshold);
            if (opened) model = { openedAt: clock.now() };
          } else if (one.do === 'probed') {
            const probe = probes[one.which];
            if (probe === undefined) continue;
            breaker.probed(probe, one.failed);
            if (model.half?.probe !== probe) continue;
            if (one.failed === undefined) model = { half: {} };
            else if (one.failed) model = { openedAt: clock.now() };
            else [model, inRow] = [{}, 0];
          } else {
            const admitted = breaker.admit();
            const due = model.openedAt !== undefined && clock.now() - model.openedAt >= resetTimeoutMs;
            if (model.openedAt === undefined && model.half === undefined) {
              expect(admitted).toBe('pass');
              passed += 1;
            } else if (due || (model.half !== undefined && model.half.probe === undefined)) {
              const probe = { until: clock.now() + probeTimeoutMs };
              expect(admitted).toEqual(probe);
              model = { half: { probe: admitted as Probe } };
              probes.unshift(admitted as Probe);
            } else expect(admitted).toBe('refuse');
          }
          const { openedAt, half } = model;
          expect(breaker.state).toEqual(
            openedAt !== undefined ? { state: 'open', openedAt } : half === undefined ? 'closed' : 'halfOpen',
          );
        }
      }),
      { numRuns: RUNS },
    );
  });
});
