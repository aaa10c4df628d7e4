import {
  connect as connectHttp2,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpServer } from 'node:http';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AgentwireError, ALLOW } from '@agentwire/core';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { createManualClock } from '@agentwire/core/testing';
import type { Connection, Listener, ListenOptions } from '@agentwire/core';
import { createGrpcTransport, type GrpcTransportOptions } from '../src/index.ts';
import { toGrpcMessage } from '../src/errors/http2-errors.ts';
import { AgentToProxySchema, ProxyToAgentSchema } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { writeHandshakeRequest, writeHandshakeResponse } from '../src/handshake/hello-fields.ts';
import { AGENT, PROXY, Recorder, requestHeaders } from './support/peers.ts';

const PATH = '/zentinel.agent.v2.AgentServiceV2/ProcessStream';
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanup.splice(0).toReversed()) await one();
});

const framed = (bytes: Uint8Array, flag = 0, length = bytes.length): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
};

/** An agent that shakes hands and then does what the test says, with sockets to pull. */
async function hostileAgent(greet = true, isAgentwire = true) {
  const server: Http2Server = createServer();
  const sockets: Socket[] = [];
  const streams: ServerHttp2Stream[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('sessionError', () => undefined);
  server.on('stream', (stream) => {
    streams.push(stream);
    stream.on('error', () => undefined);
    stream.resume();
    if (!greet) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.write(framed(writeHandshakeResponse(AGENT, isAgentwire)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, streams };
}

async function proxyOf(address: string, options: GrpcTransportOptions = {}) {
  const proxy = new Recorder();
  const connection = await createGrpcTransport(options).connect(address, { self: PROXY, onConnection: proxy.attach });
  cleanup.push(() => connection.abort());
  return { proxy, connection };
}

type Kill = (agent: { sockets: Socket[]; streams: ServerHttp2Stream[] }) => void;
const KILLS: Readonly<Record<string, Kill>> = {
  'destroys the session': ({ streams }) => streams[0]?.session?.destroy(),
  'destroys the session with a code': ({ streams }) => streams[0]?.session?.destroy(undefined, 2),
  'resets the socket': ({ sockets }) => sockets[0]?.resetAndDestroy(),
  'destroys the socket': ({ sockets }) => sockets[0]?.destroy(),
  'resets the stream': ({ streams }) => streams[0]?.close(8),
  'refuses the stream': ({ streams }) => streams[0]?.close(7),
  'ends the stream': ({ streams }) => streams[0]?.end(),
  'says UNAVAILABLE': ({ streams }) => {
    streams[0]?.removeAllListeners('wantTrailers');
    streams[0]?.on('wantTrailers', () => streams[0]?.sendTrailers({ 'grpc-status': '14' }));
    streams[0]?.end();
  },
  'says GOAWAY with an error': ({ streams }) => streams[0]?.session?.goaway(1),
};

describe('the end of a session that the other side ends', () => {
  for (const [what, kill] of Object.entries(KILLS)) {
    test(`is the end of the connection, once and at once: it ${what}`, async () => {
      for (let round = 0; round < 5; round += 1) {
        const agent = await hostileAgent();
        const { proxy, connection } = await proxyOf(agent.address);
        for (let i = 0; i < 20; i += 1) connection.send(requestHeaders(`e-${i}`));
        kill(agent);
        const { by } = await proxy.ended();
        expect(by).toBe('remote');
        expect(connection.status).toBe('closed');
        expect(() => connection.send(requestHeaders('late'))).toThrow(/is closed/);
        await connection.close();
        expect(proxy.ends).toHaveLength(1);
      }
    });
  }

  test('is named: RESOURCE_EXHAUSTED is ERR_OVERLOADED, UNAUTHENTICATED is ERR_UNAUTHORIZED', async () => {
    for (const [status, code] of [
      ['8', 'ERR_OVERLOADED'],
      ['16', 'ERR_UNAUTHORIZED'],
      ['9', 'ERR_VERSION_MISMATCH'],
      ['14', 'ERR_CLOSED'],
    ]) {
      const agent = await hostileAgent();
      const { proxy } = await proxyOf(agent.address);
      const stream = agent.streams[0] as ServerHttp2Stream;
      stream.removeAllListeners('wantTrailers');
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': 'why%20not' }));
      stream.end();
      const { error } = await proxy.ended();
      expect(error?.code).toBe(code);
      expect(error?.message).toContain('why not');
    }
  });

  test('leaves what is in flight alone after a GOAWAY without an error, which is a drain', async () => {
    const agent = await hostileAgent();
    const { proxy, connection } = await proxyOf(agent.address);
    agent.streams[0]?.session?.goaway(0);
    await proxy.received(1);
    expect(proxy.messages).toEqual([{ type: 'drain' }]);
    expect(connection.status).toBe('open');
    connection.send(requestHeaders('still'));
    agent.streams[0]?.end();
    await proxy.ended();
    expect(proxy.ends).toEqual([{ by: 'remote' }]);
  });

  test('ends a handshake with an error, whatever the agent answers', async () => {
    const answers: readonly [(stream: ServerHttp2Stream) => void, string][] = [
      [(stream) => stream.respond({ ':status': 401 }, { endStream: true }), 'ERR_UNAUTHORIZED'],
      [(stream) => stream.respond({ ':status': 503 }, { endStream: true }), 'ERR_CONNECT'],
      [(stream) => stream.respond({ ':status': 200, 'content-type': 'text/html' }), 'ERR_PROTOCOL'],
      [
        (stream) =>
          stream.respond(
            { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
            { endStream: true },
          ),
        'ERR_UNSUPPORTED',
      ],
      [(stream) => stream.close(2), 'ERR_CONNECT'],
      [(stream) => stream.session?.destroy(), 'ERR_CONNECT'],
    ];
    for (const [answer, code] of answers) {
      const agent = await hostileAgent(false);
      const attempt = proxyOf(agent.address);
      attempt.catch(() => undefined);
      while (agent.streams.length === 0) await new Promise((resolve) => setImmediate(resolve));
      answer(agent.streams[0] as ServerHttp2Stream);
      await expect(attempt).rejects.toMatchObject({ code });
    }
  });

  test('tells that a server of HTTP/1.1 does not speak gRPC, and which addresses are for what does not', async () => {
    const server = createHttpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanup.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    await expect(proxyOf(`grpc://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'ERR_CONNECT',
      message: expect.stringMatching(/what came is not HTTP\/2, .*unix:PATH .*grpcs:\/\/HOST:PORT/) as string,
    });
  });

  test('does not crash, whatever is called on a connection to a hung agent that is aborted', async () => {
    for (let round = 0; round < 20; round += 1) {
      const agent = await hostileAgent();
      const { proxy, connection } = await proxyOf(agent.address);
      agent.sockets[0]?.pause();
      connection.send({ type: 'ping', sequence: 1, timestampMs: 1 });
      connection.abort();
      expect(() => connection.send(requestHeaders('next'))).toThrow(/is closed/);
      expect(proxy.ends).toEqual([{ by: 'local' }]);
      const next = await proxyOf(agent.address);
      expect(next.connection.status).toBe('open');
    }
  });

  test('bounds close by its deadline when the agent takes nothing', async () => {
    const clock = createManualClock();
    const agent = await hostileAgent();
    const { proxy, connection } = await proxyOf(agent.address, { clock, closeTimeoutMs: 500 });
    agent.sockets[0]?.pause();
    const closed = connection.close();
    clock.advance(501);
    await closed;
    expect(proxy.ends).toMatchObject([{ by: 'local', error: { code: 'ERR_TIMEOUT' } }]);
  });
});

async function agentOf(options: Partial<ListenOptions> = {}, transport: GrpcTransportOptions = {}) {
  const agent = new Recorder();
  const listener: Listener = await createGrpcTransport(transport).listen('grpc://127.0.0.1:0', {
    self: AGENT,
    onConnection: agent.attach,
    ...options,
  });
  cleanup.push(async () => {
    agent.connection?.abort();
    await listener.close();
  });
  return { agent, listener };
}

/** A proxy that writes bytes of its own choice. */
async function hostileProxy(
  listener: Listener,
): Promise<{ session: ClientHttp2Session; stream: ClientHttp2Stream; over: Promise<unknown> }> {
  const session = connectHttp2(listener.address.replace('grpc:', 'http:'));
  session.on('error', () => undefined);
  cleanup.push(() => session.destroy());
  const stream = session.request(
    { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  stream.resume();
  stream.on('end', () => stream.end());
  const over = once(stream, 'close').catch(() => undefined);
  await once(stream, 'response');
  return { session, stream, over };
}

describe('an agent that is not agentwire', () => {
  test('is not sent a Configure, which it has no way to answer', async () => {
    const agent = await hostileAgent(true, false);
    const { connection } = await proxyOf(agent.address);
    expect(connection.peer).toMatchObject({ dialect: 'zentinel', name: 'waf', maxMessageBytes: 4 * 1024 * 1024 });
    expect(connection.peer.accepts.has('cancelAll')).toBe(false);
    expect(() => connection.send({ type: 'configure', id: 'c-1', config: {} })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error,
    );
  });
});

describe('a proxy that does not keep to the protocol', () => {
  const hello = framed(writeHandshakeRequest(PROXY));

  test('is sent away for a length over the limit, before and after the handshake, and for a compressed message', async () => {
    for (const bytes of [
      framed(new Uint8Array(), 0, 64 * 1024 + 1),
      framed(new Uint8Array(), 0, 0xffff_ffff),
      framed(new Uint8Array(10), 1),
      framed(Uint8Array.of(0x12, 0)),
      Buffer.concat([hello, framed(new Uint8Array(), 0, 10 * 1024 * 1024 + 1)]),
      Buffer.concat([hello, framed(new Uint8Array(4), 1)]),
      Buffer.concat([hello, hello]),
    ]) {
      const { listener } = await agentOf();
      const { stream, over } = await hostileProxy(listener);
      stream.write(bytes);
      await over;
      expect(stream.destroyed).toBe(true);
      expect(listener.connectionCount).toBe(0);
    }
  });

  test('is told in trailers what was wrong after the handshake', async () => {
    for (const [bytes, status] of [
      [framed(new Uint8Array(), 0, 10 * 1024 * 1024 + 1), '8'],
      [framed(new Uint8Array(4), 1), '12'],
      [framed(new Uint8Array(4), 2), '3'],
      [hello, '3'],
    ] as const) {
      const { agent, listener } = await agentOf();
      const { stream, over } = await hostileProxy(listener);
      const trailers = once(stream, 'trailers');
      stream.write(Buffer.concat([hello, bytes]));
      const [received] = await trailers;
      expect(received['grpc-status']).toBe(status);
      expect(received['grpc-message']).toMatch(/[a-z] [a-z]/);
      await over;
      expect(await agent.ended()).toMatchObject({ by: 'local' });
    }
  });

  test('may open more than ten streams on a session without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    cleanup.push(() => process.removeListener('warning', onWarning));
    const { listener } = await agentOf();
    const { session } = await hostileProxy(listener);
    for (let opened = 0; opened < 20; opened += 1) {
      const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
      stream.on('error', () => undefined);
      stream.write(hello);
      await once(stream, 'data');
    }
    expect(listener.connectionCount).toBe(20);
    expect(warnings).toEqual([]);
  });

  test('gets pings of any size back as they were', async () => {
    const listener = await createGrpcTransport().listen('grpc://127.0.0.1:0', {
      self: AGENT,
      onConnection: (connection) => new AgentSessionCore(connection, { onEvent: () => ALLOW }, { keepalive: false }),
    });
    cleanup.push(() => listener.close());
    const { stream, session } = await hostileProxy(listener);
    stream.write(hello);
    await once(stream, 'data');
    const most = 2n ** 64n - 1n;
    const value = { sequence: most, timestampMs: 2n ** 53n + 1n };
    stream.write(
      framed(toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: { case: 'ping', value } }))),
    );
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    const { message } = fromBinary(AgentToProxySchema, chunk.subarray(5));
    expect(message).toMatchObject({ case: 'pong', value: { sequence: most, pingTimestampMs: 2n ** 53n + 1n } });
    session.destroy();
  });

  test('is told about the request of a message that cannot be read, and may go on', async () => {
    const { agent, listener } = await agentOf();
    const { stream } = await hostileProxy(listener);
    stream.write(hello);
    stream.write(framed(Buffer.from([0x1a, 5, 0x0a, 3, 0x62, 0xff, 0x62])));
    stream.write(framed(Buffer.from([0x1a, 7, 0x0a, 3, 0x62, 0x2d, 0x31, 0x10, 0xff])));
    await agent.received(2);
    expect(agent.messages).toMatchObject([
      { type: 'malformed', of: 'requestBodyChunk', error: { code: 'ERR_PROTOCOL' } },
      { type: 'malformed', of: 'requestBodyChunk', id: 'b-1' },
    ]);
    expect(agent.connection?.status).toBe('open');
  });

  test('is dropped after the sixteenth unreadable message in a row', async () => {
    const { agent, listener } = await agentOf();
    const { stream } = await hostileProxy(listener);
    stream.write(Buffer.concat([hello, ...Array.from({ length: 16 }, () => framed(Uint8Array.of(0xff)))]));
    const { by, error } = await agent.ended();
    expect(agent.messages).toHaveLength(16);
    expect([by, error?.code]).toEqual(['local', 'ERR_PROTOCOL']);
  });

  test('has the handshake deadline, on a socket that says nothing and in a stream that says nothing', async () => {
    const clock = createManualClock();
    const { listener } = await agentOf({ handshakeTimeoutMs: 1000 }, { clock });
    const silent = connectTcp({
      port: Number(new URL(listener.address.replace('grpc:', 'http:')).port),
      host: '127.0.0.1',
    });
    silent.on('error', () => undefined);
    const gone = once(silent, 'close');
    const { over } = await hostileProxy(listener);
    clock.advance(1001);
    silent.resume();
    await Promise.all([gone, over]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is evicted when it is the oldest of too many pending handshakes', async () => {
    const { listener } = await agentOf({ maxPendingHandshakes: 2 });
    const first = await hostileProxy(listener);
    await hostileProxy(listener);
    await hostileProxy(listener);
    await first.over;
    expect(first.session.destroyed).toBe(true);
    const { connection } = await proxyOf(listener.address);
    expect(connection.status).toBe('open');
  });

  test('loses its session when it resets streams all the time', async () => {
    const { listener } = await agentOf({}, { maxStreamResets: 20 });
    const { connection } = await proxyOf(listener.address);
    const { session, stream } = await hostileProxy(listener);
    stream.write(hello);
    const gone = once(session, 'close');
    for (let i = 0; i < 200 && !session.destroyed; i += 1) {
      const one = session.request(
        { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' },
        { endStream: false },
      );
      one.on('error', () => undefined);
      one.close(8);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone;
    expect(connection.status).toBe('open');
  });

  test('is refused with a reason past the cap of connections', async () => {
    const { listener } = await agentOf({ maxConnections: 1 });
    await proxyOf(listener.address);
    await expect(proxyOf(listener.address)).rejects.toMatchObject({
      code: 'ERR_OVERLOADED',
      message: expect.stringContaining('has 1 connections, its limit') as string,
    });
    expect(listener.connectionCount).toBe(1);
  });

  test('ends a message that trickles in', async () => {
    const clock = createManualClock();
    const { agent, listener } = await agentOf({}, { clock });
    const { stream } = await hostileProxy(listener);
    stream.write(Buffer.concat([hello, framed(new Uint8Array(10), 0, 100_000)]));
    await agent.until(() => (agent.connection?.receivedBytes ?? 0) > hello.length);
    clock.advance(20_001);
    expect(agent.ends).toMatchObject([{ by: 'local', error: { code: 'ERR_TIMEOUT' } }]);
  });
});

describe('a slow agent', () => {
  test('stops the proxy at 1 MiB, refuses events past 8 MiB, and gets everything in the end', async () => {
    const { agent, listener } = await agentOf();
    const { proxy, connection }: { proxy: Recorder; connection: Connection } = await proxyOf(listener.address);
    await agent.until(() => agent.connection !== undefined);
    agent.connection?.pause();
    const data = new Uint8Array(256 * 1024);
    let sent = 0;
    let stopped = false;
    const send = (): void => {
      const more = connection.send({ type: 'requestBodyChunk', id: 's-1', index: sent, data, last: false });
      sent += 1;
      stopped ||= !more;
    };
    expect(() => {
      for (let i = 0; i < 400; i += 1) send();
    }).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }) as Error);
    expect(stopped).toBe(true);
    expect(connection.bufferedBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    connection.send({ type: 'cancel', id: 's-1', reason: 'manual' });
    agent.connection?.resume();
    await agent.received(sent + 1);
    await proxy.until(() => proxy.drains > 0);
    expect(agent.messages.map((message) => (message as { index?: number }).index)).toEqual([
      ...Array(sent).keys(),
      undefined,
    ]);
  });

  test('carries a message of 10 MiB', async () => {
    const { agent, listener } = await agentOf();
    const { connection } = await proxyOf(listener.address);
    const data = new Uint8Array(10 * 1024 * 1024 - 100).fill(7);
    connection.send({ type: 'responseBodyChunk', id: 'big', index: 0, data, last: true });
    await agent.received(1);
    expect((agent.messages[0] as { data: Uint8Array }).data.length).toBe(data.length);
    const more = new Uint8Array(10 * 1024 * 1024 + 1);
    const tooLarge = (): boolean =>
      connection.send({ type: 'responseBodyChunk', id: 'big', index: 1, data: more, last: true });
    expect(tooLarge).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }) as Error);
  });
});

describe('what gRPC carries as headers', () => {
  test('is encoded only where it must be', () => {
    const error = new AgentwireError('ERR_PROTOCOL', 'no: 100% of "a b" /é\n');
    expect(toGrpcMessage(error)).toBe('no: 100%25 of "a b" /%C3%A9%0A');
  });

  test('may come of any name, and a dial that cannot begin leaves nothing open', async () => {
    const { listener } = await agentOf();
    const connection = await createGrpcTransport().connect(listener.address, {
      self: { ...PROXY, name: 'a\ud800b' },
      onConnection: new Recorder().attach,
    });
    cleanup.push(() => connection.abort());
    expect(connection.status).toBe('open');
    const dialled = createGrpcTransport().connect(listener.address, {
      self: { ...PROXY, token: 'a b' },
      onConnection: new Recorder().attach,
    });
    await expect(dialled).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});
