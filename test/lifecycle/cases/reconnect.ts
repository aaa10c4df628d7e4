import { RECONNECT_LIFECYCLE, ReconnectSchedule } from '@agentwire/core/session/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Schedule of the attempts of one connection. */
export const reconnect: LifecycleCase = {
  name: 'reconnect',
  lifecycle: RECONNECT_LIFECYCLE,
  create() {
    const schedule = new ReconnectSchedule({}, () => 0.5);
    let now = 0;
    const end = (graceful: boolean, aliveMs: number) => (): void => {
      // only a connection can end
      if (schedule.state === 'connected') schedule.ended(graceful, (now += aliveMs));
    };
    return {
      state: () => schedule.state,
      events: {
        connected: () => schedule.connected(now),
        failed: () => schedule.state === 'connecting' && schedule.failed(),
        'ended early': end(true, 4_999),
        'ended with an error': end(false, 60_000),
        'ended gracefully': end(true, 5_000),
        'wait over': () => schedule.waited(),
      },
    };
  },
};
