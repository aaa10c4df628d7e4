import { Ejection, EJECTION_LIFECYCLE } from '@agentwire/pool/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Ejection of a connection, for a second. */
export const ejection: LifecycleCase = {
  name: 'ejection',
  lifecycle: EJECTION_LIFECYCLE,
  create() {
    const subject = new Ejection({ threshold: 2, timeMs: 1_000 });
    let now = 0;
    return {
      state: () => (subject.isEjected(now) ? 'ejected' : 'admitted'),
      events: {
        eject: () => subject.eject(now),
        'time over': () => (now += 10_000),
        'new session': () => subject.clear(),
      },
    };
  },
};
