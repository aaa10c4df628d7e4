import { systemClock } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import {
  EVENT_SENDER_LIFECYCLE,
  EventSender,
  PROXY_SESSION_LIFECYCLE,
  ProxySessionCore,
} from '@agentwire/core/session/internal';
import { createLinkedPair } from '@agentwire/core/testing';
import type { LifecycleCase } from '../lifecycle-case.ts';

const received = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Session of a proxy, with one open exchange. */
export const proxySession: LifecycleCase = {
  name: 'proxy session',
  lifecycle: PROXY_SESSION_LIFECYCLE,
  create() {
    let session: ProxySessionCore | undefined;
    const pair = createLinkedPair({
      onProxy: (connection) => (session = new ProxySessionCore(connection, { keepalive: false })),
    });
    const opened = session;
    if (opened === undefined) throw new Error('no session');
    // an open exchange keeps a drain from closing the connection at once
    opened.open();
    return {
      state() {
        if (opened.connection.status === 'closed') return opened.draining ? 'closed, but draining' : 'closed';
        return opened.draining ? 'draining' : 'open';
      },
      events: {
        drain: () => void opened.drain(),
        'drain message': () => (pair.proxy.inject({ type: 'drain' }), received()),
        'shutdown message': () => (pair.proxy.inject({ type: 'shutdown' }), received()),
        'connection ended': () => pair.proxy.abort(),
      },
    };
  },
};

/** Sender of a proxy's session. */
export const eventSender: LifecycleCase = {
  name: 'event sender',
  lifecycle: EVENT_SENDER_LIFECYCLE,
  create() {
    const { proxy } = createLinkedPair();
    const sender = new EventSender(proxy, systemClock, silentLogger);
    const send = (): boolean => sender.notify({ type: 'cancelAll' });
    return {
      state: () => (sender.writable ? 'writable' : 'full'),
      events: {
        'send above the high-water mark'() {
          proxy.holdBack();
          send();
        },
        'send below it'() {
          proxy.makeRoom();
          send();
        },
        drain: () => sender.onDrain(),
      },
    };
  },
};
