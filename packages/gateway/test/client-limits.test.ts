import { once } from 'node:events';
import { connect } from 'node:net';
import { createGateway } from '@agentwire/gateway';
import { describe, expect, test } from 'vitest';
import { exchange, rawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const ask = async (url: string, text: string): Promise<string> => (await exchange(url, text)).slice(9, 12);
const END = 'host: h\r\nconnection: close\r\n\r\n';

describe('heads', () => {
  test.each([
    [8_192 - 'GET  HTTP/1.1'.length, '200'],
    [8_193 - 'GET  HTTP/1.1'.length, '414'],
    [20_000, '414'],
    [200_000, '414'],
  ])('a target of %d bytes is %s', async (length, status) => {
    const { url } = await setup({});
    expect(await ask(url, `GET /${'a'.repeat(length - 1)} HTTP/1.1\r\n${END}`)).toBe(status);
  });

  test.each([
    [100, '200'],
    [101, '431'],
    [3_000, '431'],
  ])('%d header lines are %s', async (lines, status) => {
    const { url } = await setup({});
    expect(await ask(url, `GET / HTTP/1.1\r\n${'x: 1\r\n'.repeat(lines - 2)}${END}`)).toBe(status);
  });

  test('a head past maxHeadBytes is 431', async () => {
    const { url } = await setup({}, { maxHeadBytes: 2_000 });
    expect(await ask(url, `GET / HTTP/1.1\r\nx: ${'a'.repeat(1_000)}\r\n${END}`)).toBe('200');
    expect(await ask(url, `GET / HTTP/1.1\r\nx: ${'a'.repeat(2_000)}\r\n${END}`)).toBe('431');
  });

  test('a head that does not come in time is 408', async () => {
    const { url } = await setup({}, { requestHeadTimeoutMs: 50 });
    expect(await ask(url, 'GET / HTTP/1.1\r\nhost:')).toBe('408');
  });

  test('a broken chunk behind an answer that has begun ends the connection without a second answer', async () => {
    const { url } = await setup({}, {}, (request, response) => {
      request.on('error', () => undefined).resume();
      response.write('begin');
    });
    const client = await rawClient(url);
    client.send('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n');
    await client.until(/begin/);
    client.send('no chunk\r\n');
    expect((await client.closed()).match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

test('past maxConnections a new connection is closed at once, and counted', async () => {
  const { url, gateway } = await setup({}, { maxConnections: 1 });
  const first = await rawClient(url);
  first.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await first.until(/200 OK/);
  const second = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
  await once(second.resume(), 'close');
  expect(gateway.stats.droppedConnections).toBe(1);
});

test('keep-alive is 65 s, or as configured', async () => {
  for (const [options, seconds] of [
    [{}, 65],
    [{ keepAliveTimeoutMs: 120_000 }, 120],
  ] as const) {
    const { url } = await setup({}, options);
    expect((await fetch(url)).headers.get('keep-alive')).toBe(`timeout=${seconds}`);
  }
});

test('a client that uploads reads the 503 past maxConcurrentRequests', async () => {
  const arrived = Promise.withResolvers<void>();
  const { url } = await setup({}, { maxConcurrentRequests: 1 }, () => arrived.resolve());
  const first = await rawClient(url);
  first.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await arrived.promise;
  const bytes = 8 * 1024 ** 2;
  for (const head of [`content-length: ${bytes}`, 'transfer-encoding: chunked']) {
    const client = await rawClient(url);
    client.socket.pause();
    client.send(`POST / HTTP/1.1\r\nhost: h\r\n${head}\r\n\r\n`);
    if (head.startsWith('t')) client.send(`${bytes.toString(16)}\r\n`);
    await new Promise((resolve) => client.socket.write(Buffer.alloc(bytes), resolve));
    if (head.startsWith('t')) client.send('\r\n0\r\n\r\n');
    client.socket.resume();
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1/);
  }
});

test('a block with two set-cookie lines, which not every encoding can carry, is a failure and no allow', async () => {
  const headers = ['set-cookie', 'a=1', 'Set-Cookie', 'b=2'];
  const { url } = await setup({ waf: () => ({ verdict: { type: 'block', status: 403, headers } }) });
  const { status, headers: answered } = await fetch(url);
  expect([status, answered.getSetCookie()]).toEqual([503, []]);
});

test('a log line has method and path, and no query unless logQuery is set', async () => {
  for (const [logQuery, path] of [
    [false, '/a'],
    [true, '/a?token=secret'],
  ] as const) {
    const lines: object[] = [];
    const note = (fields: object): void => void lines.push(fields);
    const logger = { debug: note, info: note, warn: note, error: note };
    const { url, ended } = await setup({}, { logger, logQuery }, (_request, response) => response.destroy());
    await fetch(`${url}/a?token=secret`, { headers: { authorization: 'secret', cookie: 'secret' } });
    await ended(1);
    expect(lines).toEqual([expect.objectContaining({ method: 'GET', path })]);
    expect(JSON.stringify(lines).includes('secret')).toBe(logQuery);
  }
});

test.each([
  [{ maxHeaders: 1_001 }, 'maxHeaders must be an integer from 1 to 1000, got 1001 (number)'],
  [{ keepAliveTimeoutMs: '1' }, 'keepAliveTimeoutMs must be an integer'],
  [{ drainIdleMs: 0 }, 'drainIdleMs must be'],
  [{ logQuery: 'no' }, 'logQuery must be true or false'],
])('options %j are refused', (options, message) => {
  expect(() => createGateway({ pool: {} as never, upstream: 'http://h:1', ...options } as never)).toThrow(message);
});
