import { createManualClock } from '@agentwire/core/testing';
import { CIRCUIT_BREAKER_LIFECYCLE, CircuitBreaker } from '@agentwire/pool/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Circuit breaker that opens at the second failure in a row. */
export const circuitBreaker: LifecycleCase = {
  name: 'circuit breaker',
  lifecycle: CIRCUIT_BREAKER_LIFECYCLE,
  create() {
    const clock = createManualClock();
    const settings = { threshold: 2, resetTimeoutMs: 1_000, errorRatio: Infinity, windowMs: 10_000, minRequests: 1 };
    const breaker = new CircuitBreaker(settings, clock);
    const name = (): string => (typeof breaker.state === 'string' ? breaker.state : breaker.state.state);
    return {
      state: name,
      events: {
        'too many failures'() {
          breaker.record(true);
          breaker.record(true);
        },
        'request after the reset timeout'() {
          clock.advance(1_000);
          breaker.admit();
        },
        'new connection': () => breaker.connected(),
        'probe succeeded': () => breaker.probed(false),
        'probe failed': () => breaker.probed(true),
      },
    };
  },
};
