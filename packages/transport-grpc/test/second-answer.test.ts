import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { connectSession } from '@agentwire/core/session';
import { expect, onTestFinished, test } from 'vitest';
import { AgentToProxySchema, ProxyToAgentSchema } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { writeHandshakeResponse } from '../src/handshake/hello-fields.ts';
import { createGrpcTransport } from '../src/index.ts';
import { AGENT, PROXY, requestHeaders } from './support/peers.ts';

const framed = (bytes: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};

const allowOf = (correlationId: string): Buffer =>
  framed(
    toBinary(
      AgentToProxySchema,
      create(AgentToProxySchema, {
        message: { case: 'response', value: { correlationId, decision: { case: 'allow', value: {} } } },
      }),
    ),
  );

/** An agent that answers the first event of a request twice, each answer in a frame of its own, and no other one. */
async function agentThatAnswersTwice(): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer();
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    let messages = 0;
    stream.on('data', (chunk: Buffer) => {
      messages += 1;
      if (messages === 1) stream.write(framed(writeHandshakeResponse(AGENT, true)));
      if (messages !== 2) return;
      const { message } = fromBinary(ProxyToAgentSchema, chunk.subarray(5));
      const id = message.case === 'requestHeaders' ? (message.value.metadata?.correlationId ?? '') : '';
      stream.session?.socket.cork();
      stream.write(allowOf(id));
      stream.write(allowOf(id));
      setImmediate(() => stream.session?.socket.uncork());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a second answer to the head is not the answer to the response, in frames of their own too', async () => {
  const address = await agentThatAnswersTwice();
  const session = await connectSession(createGrpcTransport(), address, { self: PROXY });
  onTestFinished(() => session.connection.abort());
  const exchange = session.open();
  const { id: _, ...head } = requestHeaders('r');
  expect((await exchange.ask(head)).verdict).toEqual({ type: 'allow' });
  const response = exchange.ask({ type: 'responseHeaders', status: 200, headers: [], hasBody: false });
  await expect(response).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
});
