import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ListenOptions } from '@agentwire/core';
import { serverTlsOptions } from '@agentwire/transport-framed/internal';
import { createWebSocketTransport, type WebSocketTransportOptions } from '@agentwire/transport-websocket';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificates } from '../../transport-uds/test/certificates/certificates.ts';
import { agentHello, Notes, proxyHello, turn, until } from './fixtures.ts';
import { RawWebSocket } from './raw-web-socket.ts';

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function serve(address: string, transport: WebSocketTransportOptions = {}, options: Partial<ListenOptions> = {}) {
  const notes = new Notes();
  const listener = await createWebSocketTransport(transport).listen(address, {
    self: agentHello,
    onConnection: notes.onConnection,
    ...options,
  });
  onTestFinished(() => listener.close());
  return { listener, notes };
}

/** An HTTP proxy that knows CONNECT only. */
async function connectProxy(authorization?: string): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer();
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    asked.push(request.url ?? '');
    client.on('error', () => undefined);
    if (request.headers['proxy-authorization'] !== authorization) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream: Socket = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  return { port: await listening(server), asked };
}

describe('through an HTTP proxy', () => {
  test.each(['ws', 'wss'])('an agent dials its proxy at %s', async (scheme) => {
    const { listener, notes } = await serve(
      `${scheme}://127.0.0.1:0/agents`,
      { tls: certificates },
      { self: proxyHello },
    );
    const proxy = await connectProxy();
    const transport = createWebSocketTransport({ tls: certificates, proxy: `http://127.0.0.1:${proxy.port}` });
    const agent = new Notes();
    const connection = await transport.connect(listener.address, {
      self: agentHello,
      onConnection: agent.onConnection,
    });
    notes.connection?.send({ type: 'ping', sequence: 1, timestampMs: 2 });
    await until(() => agent.messages.length > 0);
    expect(proxy.asked).toEqual([new URL(listener.address.replace(/^ws/, 'http')).host]);
    await connection.close();
    expect(await notes.closed).toEqual({ by: 'remote' });
  });

  test('a user and a password are given to it, and shown in no error', async () => {
    const { listener } = await serve('ws://127.0.0.1:0/agents');
    const { port } = await connectProxy(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    const dial = (user: string) =>
      createWebSocketTransport({ proxy: `http://${user}@127.0.0.1:${port}` }).connect(listener.address, {
        self: proxyHello,
        onConnection: new Notes().onConnection,
      });
    const connection = await dial('user:p%40ss');
    connection.abort();
    const failure = await dial('user:wrong').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_CONNECT', message: expect.stringContaining('407') });
    expect(String(failure)).not.toContain('wrong');
  });

  test.each(['socks://127.0.0.1:1', 'not a url'])('%s is no proxy', (proxy) => {
    expect(() => createWebSocketTransport({ proxy })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
    );
  });
});

describe('on an HTTP server that runs already', () => {
  test('WebSockets are taken at the path, everything else is left to the server', async () => {
    const server = createServer((_, response) => response.end('page'));
    const port = await listening(server);
    const others: string[] = [];
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/agents') return;
      others.push(request.url ?? '');
      socket.end('HTTP/1.1 418 Other\r\n\r\n');
    });
    const { listener } = await serve('ws://127.0.0.1:0/agents', { server });
    expect(listener.address).toBe(`ws://127.0.0.1:${port}/agents`);
    const connection = await createWebSocketTransport().connect(listener.address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page');
    const raw = await RawWebSocket.connect(port);
    expect(await raw.upgrade({}, '/chat')).toContain('418');
    expect(others).toEqual(['/chat']);
    await listener.close();
    expect(connection.status).toBe('open');
    expect(server.listening).toBe(true);
    expect(server.listenerCount('upgrade')).toBe(1);
    connection.abort();
  });

  test('with TLS, at a wss address', async () => {
    const server = createSecureServer(serverTlsOptions(certificates));
    const port = await listening(server);
    const { listener } = await serve('wss://127.0.0.1:0/agents', { server });
    expect(listener.address).toBe(`wss://127.0.0.1:${port}/agents`);
    const connection = await createWebSocketTransport({ tls: certificates }).connect(listener.address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    connection.abort();
  });
});

describe('what is proved', () => {
  test('a client certificate and a token reach authorize', async () => {
    const seen: unknown[] = [];
    const { listener } = await serve(
      'wss://127.0.0.1:0/agents',
      { tls: { ...certificates, requireClientCertificate: true } },
      { authorize: (_, { certificate, token }) => void seen.push(certificate?.length, token) },
    );
    const connection = await createWebSocketTransport({ tls: certificates }).connect(listener.address, {
      self: { ...proxyHello, token: 'sesame' },
      onConnection: new Notes().onConnection,
    });
    expect(seen).toEqual([expect.any(Number), 'sesame']);
    connection.abort();
  });

  test('a server whose certificate is not trusted is not connected to, and it is not tried again', async () => {
    const { listener } = await serve('wss://127.0.0.1:0/agents', { tls: certificates });
    const attempt = createWebSocketTransport().connect(listener.address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT', retryable: false });
  });

  test('wss cannot listen without a certificate', async () => {
    await expect(serve('wss://127.0.0.1:0/')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('createWebSocketTransport({ tls: { key, cert } })'),
    });
  });
});

describe('a server that is no listener of ours', () => {
  test.each([
    ['answers 404', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', '404'],
    ['redirects', 'HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n', '302'],
    ['speaks no HTTP', 'SSH-2.0-OpenSSH_9.7\r\n', ''],
  ])('that %s is ERR_CONNECT', async (_, answer, words) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    });
    const port = await listening(server);
    const attempt = createWebSocketTransport().connect(`ws://127.0.0.1:${port}/`, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT', message: expect.stringContaining(words) });
  });

  test('an aborted signal ends the dialling', async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    const port = await listening(server);
    const abort = new AbortController();
    const attempt = createWebSocketTransport().connect(`ws://127.0.0.1:${port}/`, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
      signal: abort.signal,
    });
    await until(() => sockets.length > 0);
    const [socket] = sockets;
    const closed = socket === undefined ? undefined : once(socket, 'close');
    abort.abort();
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    socket?.resume();
    await closed;
    await turn();
  });
});

test.each([
  ['ws://127.0.0.1', 'ws://127.0.0.1:80/'],
  ['wss://LOCALHOST/a/b', 'wss://localhost:443/a/b'],
  ['ws://[::1]:8080/agents', 'ws://[::1]:8080/agents'],
])('%s is the address %s', async (address, printed) => {
  const attempt = createWebSocketTransport().connect(address, {
    self: proxyHello,
    onConnection: new Notes().onConnection,
    signal: AbortSignal.abort(),
  });
  await expect(attempt).rejects.toMatchObject({ code: 'ERR_ABORTED', message: expect.stringContaining(`${printed} `) });
});

test.each(['ws:', 'ws://', 'ws://user@h/', 'ws://h/?token=secret', 'ws://h/#x', 'ws://h:99999/', 'http://h/'])(
  '%s is no address',
  async (address) => {
    const attempt = createWebSocketTransport().connect(address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    const failure: unknown = await attempt.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
  },
);

test.each([
  ['an unknown option', { compression: true }],
  ['origins that are no list', { origins: 'https://a.example' }],
  ['a dialect that there is not', { dialect: 'rust' }],
])('%s throws at once', (_, options) => {
  expect(() => createWebSocketTransport(options as unknown as WebSocketTransportOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
  );
});
