import type { Decision } from '@agentwire/core';
import { AgentSessionCore, EXCHANGE_LIFECYCLE, ProxySessionCore } from '@agentwire/core/session/internal';
import { createLinkedPair } from '@agentwire/core/testing';
import type { LifecycleCase } from '../lifecycle-case.ts';

const ALLOW: Decision = { verdict: { type: 'allow' } };
const COMPLETION = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };

/** Exchange of a proxy's session. */
export const exchange: LifecycleCase = {
  name: 'exchange',
  lifecycle: EXCHANGE_LIFECYCLE,
  create() {
    let session: ProxySessionCore | undefined;
    let decision = ALLOW;
    // without request_complete an agent that wants a chunk is cancelled
    const pair = createLinkedPair({
      agent: { features: ['errors'] },
      onProxy: (connection) => (session = new ProxySessionCore(connection, { keepalive: false })),
      onAgent: (connection) => new AgentSessionCore(connection, { onEvent: () => decision }, { keepalive: false }),
    });
    const opened = session?.open();
    if (opened === undefined) throw new Error('no session');
    let asked = 0;
    const ask = async (next: Decision): Promise<void> => {
      decision = next;
      const index = asked++;
      await opened.ask({ type: 'requestBodyChunk', index, data: new Uint8Array(), last: false }).catch(() => undefined);
    };
    return {
      state: () => (opened.ended ? 'ended' : opened.wantsChunk ? 'wantsChunk' : 'open'),
      events: {
        answer: () => ask(ALLOW),
        'answer with needsMore': () => ask({ ...ALLOW, needsMore: true }),
        end: () => opened.end(),
        complete: () => opened.complete(COMPLETION),
        cancel: () => opened.cancel(),
        fail: () => pair.proxy.abort(),
      },
    };
  },
};
