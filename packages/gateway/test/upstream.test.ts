import { once } from 'node:events';
import { ALLOW } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';
import { rawUpstream } from './support/raw-upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('a response whose transfer-encoding is not chunked', () => {
  test.each([
    ['gzip', {}],
    ['chunked, gzip', {}],
    ['gzip, chunked', {}],
    ['gzip\r\ntransfer-encoding: chunked', {}],
    ['identity', {}],
    ['gzip', { reads: () => ({ ...ALLOW, needsMore: true }) }],
  ])('%j is 502', async (coding, agents: Agents) => {
    const { origin } = await rawUpstream(({ socket }) =>
      socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    );
    const { url, summaries } = await setup(agents, { upstream: origin });
    const client = await rawClient(url);
    client.send('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 502 [^]*content-length: 11\r\n[^]*\r\n\r\nBad Gateway$/);
    expect(summaries[0]?.outcome).toBe('failed');
  });

  test('passes where it has no body', async () => {
    const { origin } = await rawUpstream(({ socket }) =>
      socket.end('HTTP/1.1 304 Not Modified\r\ntransfer-encoding: gzip\r\n\r\n'),
    );
    const { url } = await setup({}, { upstream: origin });
    expect((await fetch(url)).status).toBe(304);
  });
});

describe('an upstream that ends a kept-alive connection as the next request comes', () => {
  /** Answers the first request of each connection and resets the connection at the second one. */
  async function resetting(): ReturnType<typeof setup> {
    const { origin } = await rawUpstream(({ socket, served }) => {
      if (served === 1) socket.write(OK);
      else socket.resetAndDestroy();
    });
    return setup({}, { upstream: origin });
  }

  test.each(['GET', 'HEAD', 'OPTIONS', 'DELETE'])('%s is sent once more, on a new connection', async (method) => {
    const { url } = await resetting();
    for (let at = 0; at < 4; at++) {
      const response = await fetch(url, { method });
      await response.text();
      expect(response.status).toBe(200);
    }
  });

  test('PUT whose body was buffered is sent once more, on the heap and from a file', async () => {
    const bodies: string[] = [];
    const { origin } = await rawUpstream(({ socket, served, text }) => {
      if (served > 1) return void socket.resetAndDestroy();
      bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4));
      socket.write(OK);
    });
    const { url } = await setup(
      { reads: (event) => ({ ...ALLOW, needsMore: !('last' in event) || !event.last }) },
      { upstream: origin, requestBody: 'buffer' },
    );
    for (const size of [10, 2_000_000, 10, 2_000_000]) {
      const body = 'x'.repeat(size);
      expect((await fetch(url, { method: 'PUT', body })).status).toBe(200);
      expect(bodies.at(-1)).toBe(body);
    }
  });

  test('POST is not, and a new connection that is reset is not', async () => {
    const { url } = await resetting();
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url, { method: 'POST' })).status).toBe(502);
    let requests = 0;
    const { origin } = await rawUpstream(({ socket }) => {
      requests += 1;
      socket.resetAndDestroy();
    });
    const fresh = await setup({}, { upstream: origin });
    expect((await fetch(fresh.url)).status).toBe(502);
    expect(requests).toBe(1);
  });

  test('a request whose answer has begun is not', async () => {
    const { origin } = await rawUpstream(({ socket, served }) => {
      if (served === 1) socket.write(OK);
      else socket.write('HTTP/1.1 2', () => socket.resetAndDestroy());
    });
    const { url } = await setup({}, { upstream: origin });
    const statuses = [];
    for (let at = 0; at < 4; at++) statuses.push((await fetch(url)).status);
    expect(statuses).toEqual([200, 502, 200, 502]);
  });

  test('agents are told of both attempts', async () => {
    const attempts: number[] = [];
    const { origin } = await rawUpstream(({ socket, served }) => {
      if (served === 1) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const { url, pool, ended } = await setup({ audit: () => ALLOW }, { upstream: origin });
    const send = pool.sendRequestComplete.bind(pool);
    pool.sendRequestComplete = (agent, complete) => (
      attempts.push(complete.upstreamAttempts ?? 0),
      send(agent, complete)
    );
    for (let at = 0; at < 2; at++) await (await fetch(url)).text();
    await ended(2);
    expect(attempts).toEqual([1, 2]);
  });
});

const JUDGES: [string, Agents][] = [
  ['unjudged', {}],
  ['judged', { judge: () => ALLOW }],
];

describe.each(JUDGES)('the head of a response, %s', (_name, agents) => {
  test('is sent as soon as it is known', async () => {
    const go = Promise.withResolvers<void>();
    const { url } = await setup(agents, {}, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      void go.promise.then(() => response.end('data: 1\n\n'));
    });
    const response = await fetch(url);
    go.resolve();
    expect(await response.text()).toBe('data: 1\n\n');
  });

  test.each(['FIN', 'RST'])('an upstream that dies after it, with %s, leaves a cut response', async (how) => {
    const { origin } = await rawUpstream(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');
      void heard.promise.then(() => (how === 'FIN' ? socket.end() : socket.resetAndDestroy()));
    });
    const heard = Promise.withResolvers<void>();
    const { url } = await setup(agents, { upstream: origin });
    const client = await rawClient(url);
    client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    await client.until(/^HTTP\/1\.1 200 OK[^]*\r\n\r\n$/);
    heard.resolve();
    await once(client.socket, 'close');
  });

  test('an upstream whose head and error come together is 502, or a cut response', async () => {
    const { origin } = await rawUpstream(({ socket }) => {
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n');
    });
    const { url } = await setup(agents, { upstream: origin });
    const client = await rawClient(url);
    client.send('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 (502|200 [^]*\r\n\r\n$)/);
  });
});
