import { once } from 'node:events';
import { createServer } from 'node:net';
import { AgentwireError, type Connection, type ConnectOptions, type Hello } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { createTcpTransport, createUdsTransport, type UdsTransportOptions } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, Notes, proxyHello, temporaryFolder } from './fixtures.ts';
import { frame, lengthField, rawListener, type RawPeer } from './raw-peer.ts';

const freshAddress = (): string => `unix:${temporaryFolder()}/a.sock`;

function dial(
  address: string,
  options: Partial<ConnectOptions> = {},
  transport: UdsTransportOptions = {},
): Promise<Connection> {
  return createUdsTransport(transport).connect(address, {
    self: proxyHello,
    onConnection: new Notes().onConnection,
    ...options,
  });
}

async function failure(attempt: Promise<Connection>): Promise<AgentwireError> {
  try {
    (await attempt).abort();
  } catch (error) {
    if (error instanceof AgentwireError) return error;
    throw error;
  }
  return expect.unreachable('connecting succeeded');
}

/** Dials a listener that does what `act` says. */
async function against(act: (peer: RawPeer) => void, options: Partial<ConnectOptions> = {}): Promise<AgentwireError> {
  const address = freshAddress();
  await rawListener(address, act);
  return failure(dial(address, options));
}

const REPLY =
  '{"protocol_version":2,"agent_name":"a","capabilities":{"handles_request_headers":true},"encoding":"json"}';

describe('what cannot be reached', () => {
  test('nothing is there', async () => {
    const { code, message, retryable } = await failure(dial(freshAddress()));
    expect([code, retryable]).toEqual(['ERR_CONNECT', true]);
    expect(message).toMatch(/^cannot connect to unix:.*a\.sock: ENOENT, nothing is there/);
  });

  test('nothing listens there any more', async () => {
    const tcp = createTcpTransport();
    const options = { self: proxyHello, onConnection: new Notes().onConnection };
    const { code, message } = await failure(tcp.connect('tcp://127.0.0.1:1', options));
    expect([code, message]).toEqual([
      'ERR_CONNECT',
      expect.stringMatching(/tcp:\/\/127\.0\.0\.1:1: ECONNREFUSED, nothing listens there; is the other side running/),
    ]);
  });

  test.each(['tcp://h:1', 'grpc://h:1', 'memory:x'])('%s is no address of a Unix socket', async (address) => {
    expect((await failure(dial(address))).code).toBe('ERR_INVALID_ADDRESS');
  });

  test('a path of 108 bytes cannot be dialled', async () => {
    expect((await failure(dial(`unix:/${'x'.repeat(107)}`))).code).toBe('ERR_INVALID_ADDRESS');
  });
});

describe('a listener that does not answer as it should', () => {
  test('closes at once', async () => {
    const { code, message } = await against((peer) => peer.socket.end());
    expect([code, message]).toEqual([
      'ERR_CONNECT',
      expect.stringMatching(/closed the connection in the handshake, nothing came/),
    ]);
  });

  test('closes in the middle of its answer', async () => {
    const { code, message } = await against((peer) => peer.socket.end(frame(0x02, REPLY).subarray(0, 30)));
    expect([code, message]).toEqual([
      'ERR_CONNECT',
      expect.stringContaining('30 bytes came from it, 30 of an unfinished frame'),
    ]);
  });

  test.each([
    ['length 0', lengthField(0), 'ERR_PROTOCOL'],
    ['a length over 64 KiB', lengthField(65_537), 'ERR_MESSAGE_TOO_LARGE'],
    ['the settings of HTTP/2', Buffer.from('000000040000000000', 'hex'), 'ERR_PROTOCOL'],
    ['another frame', frame(0x20, '{}'), 'ERR_PROTOCOL'],
    ['something that is not JSON', frame(0x02, 'hello'), 'ERR_PROTOCOL'],
    ['version 3', frame(0x02, REPLY.replace(':2', ':3')), 'ERR_VERSION_MISMATCH'],
    [
      'version 1',
      Buffer.concat([lengthField(30), Buffer.from('{"version":1,"decision":"allow"}')]),
      'ERR_VERSION_MISMATCH',
    ],
    ['a refusal', frame(0x02, '{"protocol_version":2,"success":false,"error":"not you"}'), 'ERR_REFUSED'],
    ['an encoding that was not offered', frame(0x02, REPLY.replace('"json"', '"cbor"')), 'ERR_PROTOCOL'],
  ])('answers with %s', async (_, bytes, code) => {
    const error = await against((peer) => peer.socket.write(bytes));
    expect(error.code).toBe(code);
  });

  test('says nothing until the deadline', async () => {
    const clock = createManualClock();
    const address = freshAddress();
    const came = Promise.withResolvers<RawPeer>();
    await rawListener(address, came.resolve);
    const attempt = failure(dial(address, { handshakeTimeoutMs: 300 }, { clock }));
    const peer = await came.promise;
    await peer.frame();
    clock.advance(300);
    const { code, message } = await attempt;
    expect([code, message]).toEqual([
      'ERR_TIMEOUT',
      expect.stringMatching(/did not answer the handshake within 300 ms, nothing came/),
    ]);
    await peer.closed;
    expect(clock.pendingTimers).toBe(0);
  });
});

test('an aborted signal ends the attempt and the socket', async () => {
  const abort = new AbortController();
  const came = Promise.withResolvers<RawPeer>();
  const address = freshAddress();
  await rawListener(address, came.resolve);
  const attempt = failure(dial(address, { signal: abort.signal }));
  const peer = await came.promise;
  abort.abort(new Error('changed my mind'));
  const error = await attempt;
  expect([error.code, (error.cause as Error).message]).toEqual(['ERR_ABORTED', 'changed my mind']);
  await peer.closed;
});

test('a signal that is aborted already opens no socket', async () => {
  const address = freshAddress();
  const server = createServer().listen(address.slice('unix:'.length));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  let connections = 0;
  server.on('connection', () => (connections += 1));
  const { code } = await failure(dial(address, { signal: AbortSignal.abort() }));
  await new Promise((resolve) => setImmediate(resolve));
  expect([code, connections]).toEqual(['ERR_ABORTED', 0]);
});

test('messages right behind the answer are delivered after onConnection and in order', async () => {
  const address = freshAddress();
  await rawListener(address, (peer) => {
    const ping = (sequence: number): Buffer => frame(0xf0, `{"sequence":${sequence},"timestamp_ms":1}`);
    peer.socket.write(Buffer.concat([frame(0x02, REPLY), ping(1), ping(2)]));
  });
  const notes = new Notes();
  const connection = await dial(address, { onConnection: notes.onConnection });
  await notes.received(2);
  expect(notes.messages).toMatchObject([{ sequence: 1 }, { sequence: 2 }]);
  expect(connection.peer).toMatchObject({ name: 'a', dialect: 'documented', encoding: 'json', features: [] });
  connection.abort();
});

test.each(['documented', 'zentinel'] as const)('a %s request asks for that dialect alone', async (dialect) => {
  const address = freshAddress();
  const asked = Promise.withResolvers<string>();
  await rawListener(address, (peer) => {
    void peer.frame().then(({ text }) => asked.resolve(text));
    peer.socket.end();
  });
  await failure(dial(address, {}, { dialect }));
  const fields = Object.keys(JSON.parse(await asked.promise) as object);
  expect([fields.includes('client_name'), fields.includes('supported_versions')]).toEqual([
    dialect === 'documented',
    dialect === 'zentinel',
  ]);
});

describe('reverse', () => {
  const agent: Hello = { ...agentHello, token: 'sesame' };

  test('an agent dials, and authorize sees its id and token', async () => {
    const address = freshAddress();
    const transport = createUdsTransport();
    const [proxy, dialled] = [new Notes(), new Notes()];
    const seen: unknown[] = [];
    await using listener = await transport.listen(address, {
      self: proxyHello,
      onConnection: proxy.onConnection,
      authorize: (peer, credential) => void seen.push(peer.capabilities?.agentId, credential.token, credential.address),
    });
    const connection = await transport.connect(address, { self: agent, onConnection: dialled.onConnection });
    expect(seen).toEqual(['test-agent', 'sesame', address]);
    expect(connection.peer).toMatchObject({ role: 'proxy', name: 'test-proxy', dialect: 'documented' });
    expect(proxy.connection?.peer).toMatchObject({ role: 'agent', capabilities: { maxConcurrentRequests: 7 } });
    expect(listener.connectionCount).toBe(1);
    await connection.close();
    await proxy.closed;
  });

  test('a proxy that dials a proxy is told so', async () => {
    const address = freshAddress();
    await using _ = await createUdsTransport().listen(address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    expect(await failure(dial(address))).toMatchObject({
      code: 'ERR_REFUSED',
      message: expect.stringContaining('a proxy listens here'),
    });
  });
});

test.each([
  ['an unknown option', { dialekt: 'auto' }],
  ['a dialect that there is not', { dialect: 'rust' }],
  ['a mode that is none', { mode: 0o1777 }],
  ['a timeout of 0', { closeTimeoutMs: 0 }],
])('%s throws at once', (_, options) => {
  expect(() => createUdsTransport(options as UdsTransportOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
  );
});

test('a handshake that does not fit into its frame is the caller’s error', async () => {
  const address = freshAddress();
  await rawListener(address, () => undefined);
  const error = await failure(dial(address, { self: { ...proxyHello, name: 'x'.repeat(70_000) } }));
  expect(error.code).toBe('ERR_MESSAGE_TOO_LARGE');
});
