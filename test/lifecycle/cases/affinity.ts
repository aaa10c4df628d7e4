import { createLinkedPair, createManualClock } from '@agentwire/core/testing';
import { acceptProxySession, type ProxySession } from '@agentwire/core/session';
import { Affinities, AFFINITY_LIFECYCLE } from '@agentwire/pool/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Affinity of one request to its connection, for a second. */
export const affinity: LifecycleCase = {
  name: 'affinity',
  lifecycle: AFFINITY_LIFECYCLE,
  create() {
    const clock = createManualClock();
    let session: ProxySession | undefined;
    const pair = createLinkedPair({
      onProxy: (connection) => {
        const accepted = acceptProxySession(connection, { clock, keepalive: false });
        session = accepted;
        return accepted;
      },
    });
    const affinities = new Affinities(clock, 10, 1_000);
    const exchange = session?.open();
    if (exchange === undefined) throw new Error('the linked pair has no session');
    affinities.add('r', exchange, 1, false);
    return {
      state: () => (affinities.size === 0 ? 'forgotten' : exchange.ended ? 'failed' : 'live'),
      events: {
        'connection ended': () => pair.agent.abort(),
        'request over'() {
          const found = affinities.get('r');
          if (found !== undefined) affinities.remove(found);
        },
        'no event for too long'() {
          clock.advance(1_001);
          affinities.sweep();
        },
      },
    };
  },
};
