import { FEATURES, type Hello, type Transport } from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { createLinkedPair, createManualClock } from '@agentwire/core/testing';
import { POOLED_CONNECTION_LIFECYCLE, PooledConnection, resolvePoolOptions } from '@agentwire/pool/internal';
import { createMemoryTransport } from '@agentwire/transport-memory';
import type { LifecycleCase } from '../lifecycle-case.ts';

const proxy: Hello = { role: 'proxy', name: 'p', version: '1', features: FEATURES, encodings: ['json'] };

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One connection of a pool, dialled over a transport whose attempts end when the case lets them. */
export const pooledConnection: LifecycleCase = {
  name: 'pooled connection',
  lifecycle: POOLED_CONNECTION_LIFECYCLE,
  async create() {
    const clock = createManualClock();
    const memory = createMemoryTransport({ clock });
    const self = { role: 'agent' as const, name: 'a', version: '1', features: FEATURES, encodings: ['json'] };
    const agent = await serveSessions(
      memory,
      'memory:a',
      { onEvent: () => ({ verdict: { type: 'allow' } }) },
      { self, clock },
    );
    let attempt: PromiseWithResolvers<void> | undefined;
    const transport: Transport = {
      name: memory.name,
      dials: memory.dials,
      schemes: memory.schemes,
      listen: memory.listen.bind(memory),
      async connect(address, options) {
        attempt = Promise.withResolvers();
        options.signal?.addEventListener('abort', () => attempt?.reject(new Error('stopped')), { once: true });
        await attempt.promise;
        return memory.connect(address, options);
      },
    };
    const subject = new PooledConnection(1, resolvePoolOptions({ clock, reconnect: { initialMs: 100, jitter: 0 } }), {
      session: { clock },
      onOutcome: () => undefined,
      onHealth: () => undefined,
      onProcess: () => undefined,
      onPauseExpired: () => undefined,
      onUp: () => undefined,
      onDown: () => undefined,
      onAttemptFailed: () => undefined,
    });
    let adopted: ReturnType<typeof createLinkedPair> | undefined;
    return {
      state: () => subject.state,
      events: {
        async dial() {
          if (subject.state === 'new') void subject.life.dial(transport, 'memory:a', proxy);
          await settle();
        },
        adopt() {
          if (subject.state !== 'new') return;
          adopted = createLinkedPair({ onProxy: (connection) => subject.life.adopt(connection, () => undefined) });
        },
        async connected() {
          attempt?.resolve();
          await settle();
        },
        async failed() {
          attempt?.reject(new Error('not there'));
          await settle();
        },
        async 'agent drains'() {
          // a session that drains earlier counts as a failed attempt
          if (subject.state === 'up') clock.advance(5_000);
          for (const session of agent.sessions) session.notify({ type: 'drain' });
          await settle();
        },
        async 'session ended'() {
          for (const session of agent.sessions) session.connection.abort();
          adopted?.agent.abort();
          await settle();
        },
        async retry() {
          clock.advance(1_000);
          await settle();
        },
        async stop() {
          await subject.life.stop(0);
        },
      },
    };
  },
};
