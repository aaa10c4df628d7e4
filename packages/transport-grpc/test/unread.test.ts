import { once } from 'node:events';
import { connect, type ClientHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { ALLOW, type CloseReason } from '@agentwire/core';
import { type AgentSession, serveSessions } from '@agentwire/core/session';
import { createManualClock } from '@agentwire/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ProxyToAgentSchema } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { writeHandshakeRequest } from '../src/handshake/hello-fields.ts';
import { createGrpcTransport } from '../src/index.ts';
import { AGENT, PROXY } from './support/peers.ts';

const MIB = 1024 * 1024;
const PATH = '/zentinel.agent.v2.AgentServiceV2/ProcessStream';

const framed = (bytes: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const head = framed(
  toBinary(
    ProxyToAgentSchema,
    create(ProxyToAgentSchema, {
      message: {
        case: 'requestHeaders',
        value: { metadata: { correlationId: 'r-1', requestId: 'r-1' }, method: 'GET', uri: '/' },
      },
    }),
  ),
);
const ping = framed(
  toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: { case: 'ping', value: { sequence: 7n } } })),
);

/** A stream of a proxy that says hello and then reads nothing. */
async function unreadStream(address: string): Promise<ClientHttp2Stream> {
  const session = connect(address.replace('grpc:', 'http:'), { settings: { initialWindowSize: 65_535 } });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.write(framed(writeHandshakeRequest(PROXY)));
  await once(stream, 'response');
  return stream;
}

test.each([
  ['events', head, 2_000, 1_000],
  ['pings', ping, 2_000, 1_000],
  // more at once than one turn of the event loop delivers
  ['large answers', head, 60_000, 20_000],
])('a proxy that reads nothing is not read from any more, and is ended after a deadline (%s)', async (...row) => {
  const [, message, answerBytes, atOnce] = row;
  const clock = createManualClock();
  const ended = Promise.withResolvers<CloseReason>();
  const opened = Promise.withResolvers<AgentSession>();
  const listener = await serveSessions(
    createGrpcTransport(),
    'grpc://127.0.0.1:0',
    {
      onEvent: () => ({ ...ALLOW, audit: { tags: ['x'.repeat(answerBytes)] } }),
      onOpen: opened.resolve,
      onClose: ended.resolve,
    },
    { self: AGENT, clock },
  );
  onTestFinished(() => listener.close());
  const stream = await unreadStream(listener.address);
  const session = await opened.promise;
  const { connection } = session;
  const many = Buffer.concat(Array.from({ length: atOnce }, () => message));
  for (let stuck = false; !stuck;) {
    const written = { taken: false };
    stream.write(many, () => (written.taken = true));
    for (let turns = 0; !written.taken && !stuck; turns += 1) {
      stuck = connection.bufferedBytes > MIB && turns > 100;
      await turn();
    }
  }
  expect(connection.bufferedBytes).toBeLessThan(4 * MIB);
  const { receivedBytes } = connection;
  for (let turns = 0; turns < 200; turns += 1) await turn();
  expect(connection.receivedBytes).toBe(receivedBytes);
  clock.advance(9_000);
  expect(connection.status).toBe('open');
  clock.advance(1_000);
  expect(await ended.promise).toMatchObject({ by: 'local', error: { code: 'ERR_OVERLOADED' } });
});
