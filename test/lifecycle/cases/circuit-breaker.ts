import { createManualClock } from '@agentwire/core/testing';
import { CIRCUIT_BREAKER_LIFECYCLE, CircuitBreaker, type Probe } from '@agentwire/pool/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Circuit breaker that opens at the second failure in a row. */
export const circuitBreaker: LifecycleCase = {
  name: 'circuit breaker',
  lifecycle: CIRCUIT_BREAKER_LIFECYCLE,
  create() {
    const clock = createManualClock();
    const settings = {
      threshold: 2,
      resetTimeoutMs: 1_000,
      probeTimeoutMs: 5_000,
      errorRatio: Infinity,
      windowMs: 10_000,
      minRequests: 1,
    };
    const breaker = new CircuitBreaker(settings, clock);
    const name = (): string => (typeof breaker.state === 'string' ? breaker.state : breaker.state.state);
    let probe: Probe = { until: 0 };
    // one may be half-open without a probe: its next request is one
    const probed = (): Probe => {
      const admitted = name() === 'halfOpen' ? breaker.admit() : probe;
      if (typeof admitted === 'object') probe = admitted;
      return probe;
    };
    return {
      state: name,
      events: {
        'too many failures'() {
          breaker.record(true, clock.now());
          breaker.record(true, clock.now());
        },
        'request after the reset timeout'() {
          clock.advance(1_000);
          const admitted = breaker.admit();
          if (typeof admitted === 'object') probe = admitted;
        },
        'new connection': () => breaker.connected(),
        'probe succeeded': () => breaker.probed(probed(), false),
        'probe without outcome in time'() {
          probed();
          clock.advance(5_000);
        },
        'probe failed': () => breaker.probed(probed(), true),
      },
    };
  },
};
