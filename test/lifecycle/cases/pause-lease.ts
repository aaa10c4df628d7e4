import { createManualClock } from '@agentwire/core/testing';
import { PAUSE_LEASE_LIFECYCLE, PAUSE_LEASE_MS, PauseLease } from '@agentwire/pool/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Lease of a pause. */
export const pauseLease: LifecycleCase = {
  name: 'pause lease',
  lifecycle: PAUSE_LEASE_LIFECYCLE,
  create() {
    const clock = createManualClock();
    const lease = new PauseLease(clock, () => undefined);
    return {
      state: () => lease.state,
      events: {
        pause: () => lease.pause(),
        resume: () => lease.resume(),
        answer: () => lease.answered(),
        'session ended': () => lease.endSession(),
        'not renewed in time': () => clock.advance(PAUSE_LEASE_MS),
      },
    };
  },
};
