import { EVENT_TYPES, FEATURES, type Hello, type Transport } from '@agentwire/core';
import { connectSession, type Exchange, type ProxySession } from '@agentwire/core/session';
import { ANSWER_TIMEOUT_MS, type HandshakeValue, type Peer } from './peer.ts';

/** Result of the session's handshake. */
function handshakeOf({ connection }: ProxySession): HandshakeValue {
  const { name, capabilities, encoding } = connection.peer;
  return { agent: name, events: (capabilities?.events ?? []).map((type) => EVENT_TYPES.indexOf(type) + 1), encoding };
}

/** Our session, connected to an agent. */
export async function connectSessionPeer(transport: Transport, address: string, encoding: string): Promise<Peer> {
  const self: Hello = { role: 'proxy', name: 'interop', version: '0', features: FEATURES, encodings: [encoding] };
  const session = await connectSession(transport, address, { self, requestTimeoutMs: ANSWER_TIMEOUT_MS });
  const exchanges = new Map<string, Exchange>();
  const exchangeOf = (id: string): Exchange => {
    const exchange = exchanges.get(id) ?? session.open();
    exchanges.set(id, exchange);
    return exchange;
  };
  return {
    handshake: handshakeOf(session),
    get connected() {
      return session.connection.status === 'open';
    },
    async ask(id, event) {
      return exchangeOf(id).ask(event);
    },
    complete(id, summary) {
      exchangeOf(id).complete(summary);
      return true;
    },
    cancel: (id) => exchangeOf(id).cancel('client_disconnect'),
    cancelAll: () => session.cancelAll('proxy_shutdown'),
    async ping() {
      await session.ping({ timeoutMs: ANSWER_TIMEOUT_MS });
    },
    close: () => session.close(),
  };
}
