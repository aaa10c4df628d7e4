import { createServer, type AddressInfo } from 'node:net';
import { serveAgent } from '@agentwire/agent';
import { acceptProxySession, type ProxySession } from '@agentwire/core/session';
import { ReverseConnectionListener } from '@agentwire/reverse-listener';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { constantAgent } from './agents.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';

const TOKEN = 'bench';
const MAX_IN_FLIGHT = 16_384;

/** Returns an address on which the asking end can listen once it starts. */
async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `tcp://127.0.0.1:${port}`;
}

/** The agent dials and registers with the asking end, which listens: the session is that of a dialled agent. */
function reverseStack(name: string, place: 'uds' | 'tcp'): Stack {
  const transports = [place === 'uds' ? createUdsTransport() : createTcpTransport()];
  return {
    name,
    place,
    async serve(where) {
      const address = place === 'uds' ? where : await freeAddress();
      const reverse = [{ address, agentId: 'bench', token: TOKEN, connections: 1 }];
      const server = await serveAgent(constantAgent, { transports, reverse });
      return { address, close: () => server.close() };
    },
    async connect(address) {
      const listener = await ReverseConnectionListener.bind(address, { transports, tokens: { bench: TOKEN } });
      const [client] = await listener.accept();
      const opened = Promise.withResolvers<ProxySession>();
      client.handOver((connection) => {
        const session = acceptProxySession(connection, { maxInFlight: MAX_IN_FLIGHT });
        opened.resolve(session);
        return session;
      });
      const session = await opened.promise;
      return {
        ask: (n) => session.request(eventOf(n)),
        async close() {
          await session.close();
          await listener.close();
        },
      };
    },
  };
}

/** Stacks in which the agent dials. */
export const REVERSE_STACKS: readonly Stack[] = [
  reverseStack('reverse-uds-msgpack', 'uds'),
  reverseStack('reverse-tcp-msgpack', 'tcp'),
];
