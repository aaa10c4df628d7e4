import type { RequestListener, ServerResponse } from 'node:http';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`;
const statuses = (text: string): string[] =>
  Array.from(text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status = '']) => status);

/** An upstream that answers `/slow` when it is told to, and anything else at once. */
function slow(): { upstream: RequestListener; arrived: Promise<void>; answer: () => void } {
  const arrived = Promise.withResolvers<void>();
  const slowOnes: ServerResponse[] = [];
  return {
    upstream: (request, response) => {
      request.resume();
      if (request.url !== '/slow') return void response.end(`<${request.url ?? ''}>`);
      slowOnes.push(response);
      arrived.resolve();
    },
    arrived: arrived.promise,
    answer: () => {
      for (const response of slowOnes) response.end('<slow>');
    },
  };
}

test('100 Continue of a request behind an unanswered one comes after that answer and before its own', async () => {
  const { upstream, arrived, answer } = slow();
  const { url } = await setup({}, {}, upstream);
  const client = await rawClient(url);
  client.send(`${get('/slow')}POST /2 HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`);
  await arrived;
  expect(client.text).toBe('');
  answer();
  await client.until(/<slow>HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.send(`hello${get('/3')}`);
  const text = await client.until(/<\/3>/);
  expect(statuses(text)).toEqual(['200', '100', '200', '200']);
  expect(text).toMatch(/<slow>HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*<\/2>HTTP\/1\.1 200 [^]*<\/3>$/);
});

test('a body that came without waiting for 100 Continue gets it between two answers, and what comes after it is answered too', async () => {
  const { upstream, arrived, answer } = slow();
  const { url } = await setup({}, {}, upstream);
  const client = await rawClient(url);
  const head = 'POST /2 HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n';
  client.send(`${get('/slow')}${head}hello${get('/3')}`);
  await arrived;
  answer();
  const text = await client.until(/<\/3>/);
  expect(text).toMatch(/<slow>HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*<\/2>HTTP\/1\.1 200 [^]*<\/3>$/);
});

test.each([
  ['has begun', true],
  ['has not begun', false],
])(
  'a response cut by the upstream ends the connection after the one before it, which %s, is whole',
  async (_name, begun) => {
    const first = Promise.withResolvers<ServerResponse>();
    const { url, ended, summaries } = await setup({}, {}, (request, response) => {
      if (request.url === '/a') {
        if (begun) response.write('hello');
        first.resolve(response);
      } else {
        response.writeHead(200, { 'content-length': 5_000 });
        response.write('xxx', () => response.destroy());
      }
    });
    const client = await rawClient(url);
    client.send(get('/a') + get('/b'));
    const response = await first.promise;
    if (begun) await client.until(/hello/);
    await ended(1);
    expect(summaries.map(({ uri, outcome }) => [uri, outcome])).toEqual([['/b', 'failed']]);
    if (!begun) response.write('hello');
    response.end('world');
    const text = await client.closed();
    expect(statuses(text)).toEqual(['200', '200']);
    expect(text).toMatch(/5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\nHTTP[^]*\r\n\r\nxxx$/);
  },
);

describe('after a request that is in flight', () => {
  const post = 'POST /slow HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab';
  test.each([
    ['garbage', post, 'GARB\r\n\r\n', '400'],
    ['a head that is too long', post, `GET /b HTTP/1.1\r\nhost: h\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
    ['CONNECT', post, 'CONNECT a:1 HTTP/1.1\r\nhost: h\r\n\r\n', '501'],
    ['a bad chunk', post, 'POST /b HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n', '400'],
    ['a request after connection: close', post.replace('host', 'connection: close\r\nhost'), get('/b'), undefined],
    ['a line break after HTTP/1.0', post.replace('1.1', '1.0'), '\r\n', undefined],
  ])('%s is refused when that is answered, and ends the connection', async (_name, first, second, status) => {
    for (const together of [true, false]) {
      const { upstream, arrived, answer } = slow();
      const { url, gateway, ended } = await setup({}, {}, upstream);
      const client = await rawClient(url);
      client.send(together ? first + second : first);
      await arrived;
      if (!together) client.send(second);
      const other = await rawClient(url);
      other.send(get('/other'));
      await other.until(/<\/other>/);
      expect(client.text).toBe('');
      answer();
      const text = await client.closed();
      expect(statuses(text)).toEqual(status === undefined ? ['200'] : ['200', status]);
      expect(text).toMatch(status === undefined ? /<slow>$/ : /<slow>HTTP[^]*connection: close\r\n\r\n$/);
      await ended(gateway.stats.requests);
    }
  });

  test('an answer longer than all buffers is whole before the refusal of CONNECT', async () => {
    const bytes = 8 * 1024 ** 2;
    const { url } = await setup({}, {}, (_request, response) => void response.end(Buffer.alloc(bytes, 'x')));
    const client = await rawClient(url);
    client.socket.pause();
    client.send(`${get('/large')}CONNECT a:1 HTTP/1.1\r\nhost: h\r\n\r\n`);
    client.socket.resume();
    const text = await client.closed();
    expect([statuses(text), text.match(/x+(?=HTTP)/)?.[0].length]).toEqual([['200', '501'], bytes]);
  });
});

describe('maxPipelinedRequests', () => {
  test('of one connection are in flight; the rest waits, is answered in order, and takes nothing from others', async () => {
    const { upstream, arrived, answer } = slow();
    const { url, gateway } = await setup({}, { maxConcurrentRequests: 20 }, upstream);
    const client = await rawClient(url);
    const count = 300;
    client.send(get('/slow') + Array.from({ length: count }, (_, at) => get(`/${at}`)).join(''));
    await arrived;
    const other = await rawClient(url);
    other.send(get('/other'));
    expect(statuses(await other.until(/<\/other>/))).toEqual(['200']);
    expect(gateway.stats.active).toBeLessThanOrEqual(17);
    answer();
    const text = await client.until(new RegExp(`</${count - 1}>$`));
    expect(Array.from(text.matchAll(/<(.*?)>/g), ([, path]) => path)).toEqual([
      'slow',
      ...Array.from({ length: count }, (_, at) => `/${at}`),
    ]);
    expect([gateway.stats.overloaded, gateway.stats.active]).toEqual([0, 0]);
  });

  test.each([1, 17, 500])('past it, a client that leaves with %i requests unbegun is noticed at once', async (more) => {
    const { upstream, arrived } = slow();
    const { url, gateway, ended, summaries } = await setup({}, {}, upstream);
    const client = await rawClient(url);
    client.send(get('/slow').repeat(16 + more));
    await arrived;
    await expect.poll(() => gateway.stats.active).toBe(16);
    client.socket.destroy();
    await ended(16);
    expect(summaries.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 16 }, () => 'cancelled'));
    await expect.poll(() => gateway.stats.active).toBe(0);
  });

  test('1 answers uploads and requests with 100 Continue one by one, and a refusal last', async () => {
    const { url } = await setup({}, { maxPipelinedRequests: 1 }, slow().upstream);
    const client = await rawClient(url);
    const post = (path: string): string => `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello`;
    client.send(post('/1') + post('/2') + get('/3') + post('/4') + 'GARB\r\n\r\n');
    const text = await client.closed();
    expect(statuses(text)).toEqual(['200', '200', '200', '200', '400']);
    expect(text).toMatch(/<\/1>[^]*<\/2>[^]*<\/3>[^]*<\/4>HTTP/);
  });

  test('does not keep a drain from answering every request that came, the last one with connection: close', async () => {
    const { upstream, arrived, answer } = slow();
    const clock = createManualClock();
    const { url, gateway } = await setup({}, { clock, maxPipelinedRequests: 2 }, upstream);
    const client = await rawClient(url);
    client.send(get('/slow') + get('/1') + get('/2') + get('/3'));
    await arrived;
    const drained = gateway.drain();
    answer();
    const text = await client.closed();
    expect(text.match(/<.*?>/g)).toEqual(['<slow>', '</1>', '</2>', '</3>']);
    expect(text.match(/connection: close/gi)).toHaveLength(1);
    await drained;
  });
});
