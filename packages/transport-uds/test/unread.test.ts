import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ALLOW, type CloseReason, type Transport } from '@agentwire/core';
import { type AgentSession, connectSession, serveSessions, type SessionHandler } from '@agentwire/core/session';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, proxyHello, temporaryFolder } from './fixtures.ts';
import { frame, rawListener, ZENTINEL_REQUEST } from './raw-peer.ts';

const MIB = 1024 * 1024;
/** Bytes that can be between two ends in the system's buffers and in reads that have begun. */
const ON_THE_WAY = 8 * MIB;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const head = (id: string): Buffer =>
  frame(
    0x10,
    `{"metadata":{"correlation_id":"${id}","request_id":"r","client_ip":"::1","client_port":1,"server_name":null,"protocol":"HTTP/1.1","tls_version":null,"tls_cipher":null,"route_id":null,"upstream_id":null,"timestamp":"2026-01-01T00:00:00Z"},"method":"GET","uri":"/","headers":{},"correlation_id":"${id}"}`,
  );
const ping = frame(0x41, '{"sequence":7,"timestamp_ms":1}');

const MEDIA: Readonly<Record<string, () => { transport: Transport; address: string }>> = {
  unix: () => ({ transport: createUdsTransport(), address: `unix:${temporaryFolder()}/a.sock` }),
  tcp: () => ({ transport: createTcpTransport(), address: 'tcp://127.0.0.1:0' }),
};

interface Talk {
  readonly clock: ManualClock;
  readonly socket: Socket;
  readonly session: AgentSession;
  readonly ended: Promise<CloseReason>;
}

async function talk(medium: string): Promise<Talk> {
  const { transport, address } = (MEDIA[medium] as () => { transport: Transport; address: string })();
  const clock = createManualClock();
  const ended = Promise.withResolvers<CloseReason>();
  const opened = Promise.withResolvers<AgentSession>();
  const handler: SessionHandler = {
    // long enough that answers fill a buffer sooner than requests do
    onEvent: () => ({ ...ALLOW, audit: { tags: ['x'.repeat(2_000)] } }),
    onOpen: opened.resolve,
    onClose: ended.resolve,
  };
  const listener = await serveSessions(transport, address, handler, { self: agentHello, clock });
  const at = listener.address;
  const port = Number(at.slice(at.lastIndexOf(':') + 1));
  const socket = at.startsWith('unix:') ? connect({ path: at.slice(5) }) : connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  onTestFinished(async () => {
    socket.destroy();
    await listener.close();
  });
  socket.write(ZENTINEL_REQUEST);
  await once(socket, 'readable');
  return { clock, socket, session: await opened.promise, ended: ended.promise };
}

/** Sends until the agent takes nothing more. @returns bytes that were sent */
async function flood({ socket, session }: Talk, message: (index: number) => Buffer): Promise<number> {
  let sent = 0;
  for (let index = 0; sent < 64 * MIB;) {
    const messages: Buffer[] = [];
    for (let bytes = 0; bytes < 64 * 1024; index += 1) {
      const one = message(index);
      bytes += one.length;
      messages.push(one);
    }
    const chunk = Buffer.concat(messages);
    sent += chunk.length;
    const written = { taken: false };
    socket.write(chunk, () => (written.taken = true));
    // what stays in this process when the agent has stopped reading is not taken
    for (let turns = 0; !written.taken; turns += 1) {
      if (session.connection.bufferedBytes > MIB && turns > 100) return sent;
      if (session.connection.status === 'closed') return sent;
      await turn();
    }
  }
  return sent;
}

describe.each(['unix', 'tcp'])('a proxy that reads nothing, over %s', (medium) => {
  test.each([
    ['events', (index: number) => head(`id-${index}`)],
    ['pings', () => ping],
  ])('is not read from any more, and is ended after a deadline (%s)', async (_, message) => {
    const talking = await talk(medium);
    const sent = await flood(talking, message);
    const { connection } = talking.session;
    expect(sent).toBeLessThan(ON_THE_WAY + 8 * MIB);
    expect(connection.bufferedBytes).toBeLessThan(4 * MIB);
    const { receivedBytes } = connection;
    for (let turns = 0; turns < 200; turns += 1) await turn();
    expect(connection.receivedBytes).toBe(receivedBytes);
    talking.clock.advance(9_000);
    expect(connection.status).toBe('open');
    talking.clock.advance(1_000);
    expect(await talking.ended).toMatchObject({ by: 'local', error: { code: 'ERR_OVERLOADED' } });
  });

  test('goes on where it reads again, and gets every answer', async () => {
    const talking = await talk(medium);
    let asked = 0;
    const sent = flood(talking, () => head(`id-${(asked += 1)}`));
    await sent;
    expect(talking.session.connection.bufferedBytes).toBeGreaterThan(MIB);
    talking.socket.on('data', () => undefined);
    while (talking.session.stats.answers < asked) await turn();
    talking.clock.advance(60_000);
    expect(talking.session.connection.status).toBe('open');
  });
});

describe('an agent that pings and reads nothing', () => {
  test('loses its connection, whose buffer stays small', async () => {
    const address = `unix:${temporaryFolder()}/a.sock`;
    const documentedPing = frame(0xf0, '{"sequence":1,"timestamp_ms":2}');
    await rawListener(address, ({ socket }) => {
      socket.once('data', () => {
        socket.pause();
        socket.write(frame(0x02, '{"protocol_version":2,"agent_name":"a","capabilities":{}}'));
        const many = Buffer.concat(Array.from({ length: 1_000 }, () => documentedPing));
        const more = (): void => {
          if (!socket.destroyed) socket.write(many, more);
        };
        more();
      });
    });
    const ended = Promise.withResolvers<CloseReason>();
    const session = await connectSession(createUdsTransport(), address, {
      self: proxyHello,
      keepalive: false,
      onClose: ended.resolve,
    });
    let most = 0;
    while (session.connection.status === 'open') {
      most = Math.max(most, session.connection.bufferedBytes);
      await turn();
    }
    expect(await ended.promise).toMatchObject({ by: 'local', error: { code: 'ERR_OVERLOADED' } });
    expect(most).toBeLessThan(4 * MIB);
  });
});
