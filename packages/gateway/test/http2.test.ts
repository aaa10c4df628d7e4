import { EventEmitter, once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

function client(url: string): ClientHttp2Session {
  const session = connect(url);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

async function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  let got: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const parts: Buffer[] = [];
  stream.on('response', (response) => (got = response));
  stream.on('trailers', (more) => (trailers = more));
  stream.on('data', (part: Buffer) => parts.push(part));
  if (body !== undefined) stream.end(body);
  await once(stream, 'close');
  return { headers: got, trailers, body: Buffer.concat(parts).toString() };
}

test('HTTP/1.1 and HTTP/2 share a port without TLS where h2c is set', async () => {
  const { url } = await setup({}, {}, undefined, { h2c: true });
  const session = client(url);
  const { headers, body } = await request(session, { ':path': '/a?b=c', 'x-own': '1' });
  expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/json', 'x-upstream': '1' });
  expect(JSON.parse(body)).toMatchObject({
    method: 'GET',
    url: '/a?b=c',
    headers: { host: new URL(url).host, 'x-own': '1' },
  });
  expect(await (await fetch(`${url}/one`)).json()).toMatchObject({ url: '/one' });
  // in pieces, as a preface may come
  expect(await exchange(url, 'PRIVATE / HTTP/1.1\r\nhost: h\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('a block with status 205 has no content, which that status cannot have', async () => {
  const block = { verdict: { type: 'block' as const, status: 205, body: 'no' } };
  const { url } = await setup({ waf: () => block }, {}, undefined, { h2c: true });
  const { headers, body } = await request(client(url), { ':path': '/' });
  expect([headers[':status'], headers['content-length'], body]).toEqual([205, '0', '']);
  expect(await exchange(url, 'GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 205 [^]*\r\ncontent-length: 0\r\n[^]*\r\n\r\n$/,
  );
});

test('extended CONNECT is not offered to clients, and reset', async () => {
  const { url } = await setup({}, {}, undefined, { h2c: true });
  const session = client(url);
  await once(session, 'remoteSettings');
  expect(session.remoteSettings.enableConnectProtocol).toBe(false);
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/', ':authority': 'h' },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  await new Promise<void>((resolve) => stream.once('close', resolve));
  expect(stream.rstCode).toBe(constants.NGHTTP2_PROTOCOL_ERROR);
  expect((await request(session, { ':path': '/' })).headers[':status']).toBe(200);
});

test('without h2c a preface is a bad request, and one line says what to set', async () => {
  const warn = vi.fn();
  const { url } = await setup({}, { logger: { debug: () => {}, info: () => {}, warn, error: () => {} } });
  expect(await exchange(url, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(/^HTTP\/1\.1 [45]\d\d /);
  const session = client(url);
  session.request({ ':path': '/' }).on('error', () => undefined);
  await new Promise<void>((resolve) => session.once('close', resolve));
  expect(warn.mock.calls).toEqual([
    [{}, 'a client began with HTTP/2, which this address does not take without TLS: set h2c: true'],
  ]);
});

test('agents see an HTTP/2 request as HTTP/1.1 has it, and the upstream gets what they saw', async () => {
  const events: ProxyEvent[] = [];
  const agents = {
    waf: (event: ProxyEvent) => {
      events.push(event);
      return { ...ALLOW, requestHeaders: [{ op: 'set' as const, name: 'x-waf', value: 'pass' }] };
    },
  };
  const { url } = await setup(agents, {}, undefined, { h2c: true });
  const { body } = await request(
    client(url),
    {
      ':method': 'POST',
      ':path': '/upload',
      ':authority': 'shop.test:81',
      cookie: ['a=1', 'b=2'],
      'x-latin': 'caf\u00e9',
    },
    'the body',
  );
  const [head] = events;
  if (head?.type !== 'requestHeaders') throw new Error('no head');
  expect(head).toMatchObject({ method: 'POST', uri: '/upload', hasBody: true });
  expect(head.metadata).toMatchObject({ protocol: 'HTTP/2.0', serverName: 'shop.test:81', clientIp: '127.0.0.1' });
  expect(head.headers.slice(0, 2)).toEqual(['host', 'shop.test:81']);
  expect(head.headers.filter((_name, at) => head.headers[at - 1] === 'cookie')).toEqual(['a=1; b=2']);
  expect(head.headers.some((name) => name.startsWith(':'))).toBe(false);
  expect(JSON.parse(body)).toMatchObject({
    method: 'POST',
    url: '/upload',
    body: 'the body',
    headers: {
      host: 'shop.test:81',
      cookie: 'a=1; b=2',
      'x-latin': 'caf\u00e9',
      'x-waf': 'pass',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.test:81',
    },
  });
});

test('a block is answered on its stream, and the connection goes on', async () => {
  const agents = {
    waf: (event: ProxyEvent) =>
      event.type === 'requestHeaders' && event.uri === '/bad'
        ? { verdict: { type: 'block' as const, status: 403, body: 'no' } }
        : ALLOW,
  };
  const { url, summaries, ended } = await setup(agents, {}, undefined, { h2c: true });
  const session = client(url);
  const [bad, good] = await Promise.all([
    request(session, { ':method': 'POST', ':path': '/bad' }, 'x'.repeat(200_000)),
    request(session, { ':path': '/good' }),
  ]);
  expect(bad).toMatchObject({ headers: { ':status': 403 }, body: 'no' });
  expect(bad.headers.connection).toBeUndefined();
  expect(good.headers[':status']).toBe(200);
  await ended(2);
  expect(summaries.map(({ outcome }) => outcome).toSorted()).toEqual(['allowed', 'blocked']);
});

describe('bodies', () => {
  test('pass both ways at their length, HEAD and 304 without any', async () => {
    const { url } = await setup(
      {},
      {},
      (incoming, response) => {
        if (incoming.url === '/304') return response.writeHead(304, { etag: '"x"' }).end();
        if (incoming.method === 'HEAD') return response.writeHead(200, { 'content-length': '5' }).end();
        let bytes = 0;
        incoming.on('data', (part: Buffer) => (bytes += part.length));
        incoming.on('end', () => response.end(Buffer.alloc(bytes, 'y')));
      },
      { h2c: true },
    );
    const session = client(url);
    const big = await request(session, { ':method': 'PUT', ':path': '/' }, 'x'.repeat(3_000_000));
    expect(big.body.length).toBe(3_000_000);
    const head = await request(session, { ':method': 'HEAD', ':path': '/' });
    expect(head).toMatchObject({ headers: { ':status': 200, 'content-length': '5' }, body: '' });
    const unmodified = await request(session, { ':path': '/304' });
    expect(unmodified).toMatchObject({ headers: { ':status': 304, etag: '"x"' }, body: '' });
  });

  test('of a client that resets its stream are cancelled', async () => {
    const { url, summaries, ended } = await setup({ waf: () => ALLOW }, {}, undefined, { h2c: true });
    const stream = client(url).request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => undefined);
    stream.write('begun');
    await new Promise((resolve) => setImmediate(resolve));
    stream.close(constants.NGHTTP2_CANCEL);
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'cancelled' });
  });

  test('that the upstream cuts are reset, not ended', async () => {
    const { url } = await setup(
      {},
      {},
      (_incoming, response) => {
        response.writeHead(200, { 'content-length': '10' }).write('half.');
        setImmediate(() => response.destroy());
      },
      { h2c: true },
    );
    const stream = client(url).request({ ':path': '/' });
    stream.resume();
    const [error] = (await once(stream, 'error')) as [Error & { code: string }];
    expect(error.code).toBe('ERR_HTTP2_STREAM_ERROR');
  });

  test('are sent after 100 where the client expects it', async () => {
    const { url } = await setup({ waf: () => ALLOW }, {}, undefined, { h2c: true });
    const stream = client(url).request({ ':method': 'POST', ':path': '/', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('now');
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    expect(headers[':status']).toBe(200);
    stream.resume();
    await once(stream, 'close');
  });
});

const upstream = new EventEmitter();

test('a drain lets the requests of a connection end, and takes those that were on their way', async () => {
  const waiting: (() => void)[] = [];
  const { url, gateway } = await setup(
    {},
    { drainIdleMs: 50 },
    (_incoming, response) => {
      waiting.push(() => response.end('late'));
      upstream.emit('request');
    },
    { h2c: true },
  );
  const session = client(url);
  const seen = once(upstream, 'request');
  const first = request(session, { ':path': '/1' });
  await seen;
  const goaway = once(session, 'goaway');
  const drained = gateway.drain();
  await goaway;
  for (const end of waiting) end();
  expect((await first).body).toBe('late');
  await drained;
  expect(session.closed || session.destroyed).toBe(true);
});

test.each([
  [
    'HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-type: c/d\r\netag: "1"\r\netag: "2"',
    200,
    { 'content-type': 'a/b', etag: '"1"' },
  ],
  ['HTTP/1.1 200 OK\r\nconstructor: c\r\ntoString: t', 200, { constructor: 'c', tostring: 't' }],
  ['HTTP/1.1 999 Denied', 502, {}],
])('an upstream that answers %j is not a reset for a client of HTTP/2', async (head, status, expected) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(`${head}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { url } = await setup({}, { upstream: `http://127.0.0.1:${port}` }, undefined, { h2c: true });
  const { headers, body } = await request(client(url), { ':path': '/' });
  expect({ ...headers }).toMatchObject({ ':status': status, ...expected });
  expect(body).toBe(status === 200 ? 'hi' : 'Bad Gateway');
});

test.each(['h2c', 'tls'])('over %s, the requests of a client that has left are cancelled', async (kind) => {
  const gone = Promise.withResolvers<void>();
  const { cert, key } = makeIdentity('localhost');
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  const { url, gateway, ended, summaries } = await setup(
    {},
    {},
    (_request, response) => {
      response.once('close', gone.resolve);
      // more than the client's window
      response.write(Buffer.alloc(1_000_000));
    },
    kind === 'tls' ? { tls: { certificates: [files] } } : { h2c: true },
  );
  const session = connect(url, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await once(stream, 'response');
  session.destroy();
  await gone.promise;
  await ended(1);
  expect(summaries[0]?.outcome).toBe('cancelled');
  expect(gateway.stats.active).toBe(0);
});

test('an upload that waits for its agents stops no other upload of its connection', async () => {
  const never = Promise.withResolvers<typeof ALLOW>();
  const asked = Promise.withResolvers<void>();
  const waf = (event: ProxyEvent): typeof ALLOW | Promise<typeof ALLOW> => {
    if (event.type !== 'requestHeaders' || event.uri !== '/slow') return ALLOW;
    asked.resolve();
    return never.promise;
  };
  const { url } = await setup({ waf }, {}, undefined, { h2c: true });
  const session = client(url);
  const slow = session.request({ ':method': 'POST', ':path': '/slow' });
  slow.on('error', () => undefined).write(Buffer.alloc(1_000_000));
  await asked.promise;
  const { headers } = await request(session, { ':method': 'POST', ':path': '/quick' }, 'x'.repeat(300_000));
  expect(headers[':status']).toBe(200);
  never.resolve(ALLOW);
});
