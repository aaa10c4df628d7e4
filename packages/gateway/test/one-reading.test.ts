import type { Decision, ProxyEvent } from '@agentwire/core';
import { createGateway } from '@agentwire/gateway';
import { describe, expect, test } from 'vitest';
import { exchange, rawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const end = 'host: h\r\nconnection: close\r\n\r\n';

describe('ambiguous requests are refused', () => {
  test.each([
    ['GET /a#b HTTP/1.1', end, 400],
    ['GET /#/admin HTTP/1.1', end, 400],
    ['GET http://h/a#b HTTP/1.1', end, 400],
    ['GET http://h#b HTTP/1.1', end, 400],
    ['GET / HTTP/0.9', end, 505],
    ['GET / HTTP/2.0', end, 505],
    ['GET /', '\r\n', 505],
    ['TRACE / HTTP/1.1', end, 405],
    ['POST / HTTP/1.1', `content-length: ${2 ** 53}\r\n${end}`, 400],
    ['POST / HTTP/1.1', `content-length: 18446744073709551615\r\n${end}`, 400],
    ['GET http://user@h/ HTTP/1.1', end, 400],
    ['GET http://h:99999/ HTTP/1.1', end, 400],
    ['GET http:///x HTTP/1.1', end, 400],
  ])('%s', async (line, head, status) => {
    let reached = 0;
    const { url } = await setup({}, {}, (_request, response) => ((reached += 1), response.end()));
    const client = await rawClient(url);
    client.send(`${line}\r\n${head}`);
    const text = await client.until(/\r\n\r\n/);
    expect([text.slice(9, 12), reached]).toEqual([String(status), 0]);
    expect(text).toMatch(/connection: close/i);
  });

  test.each([
    '',
    'a b',
    'a/b',
    'user@h',
    'h:x',
    'h:65536',
    'h:123456',
    '[::1',
    '[::g]',
    '[h]',
    'h#',
    'h?x',
    'h\\x',
    'a\u00e9',
    '%zz',
  ])('Host %j is 400', async (host) => {
    const { url } = await setup({});
    expect(await exchange(url, `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).toMatch(/ 400 /);
  });

  test.each(['h', 'H.example:8080', '127.0.0.1', '[::1]:80', 'a_b.c', 'xn--a', 'h:'])(
    'Host %j is one',
    async (host) => {
      const { url } = await setup({});
      const text = await exchange(url, `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      expect(text).toContain(`"host":"${host}"`);
    },
  );

  test('HTTP/1.0 with transfer-encoding ends the connection, so that nothing after it is read', async () => {
    const { url, gateway } = await setup({});
    const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n';
    const text = await exchange(
      url,
      `POST / HTTP/1.0\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    );
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    expect(text).toMatch(/connection: close/i);
    expect(gateway.stats.active).toBe(0);
  });

  test('TRACE passes with allowTrace', async () => {
    const { url } = await setup({}, { allowTrace: true });
    expect(await exchange(url, `TRACE /t HTTP/1.1\r\n${end}`)).toMatch(/ 200 [^]*"method":"TRACE"/);
  });
});

test.each([
  ['GET http://other.test:81/ HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n', 'other.test:81'],
  ['GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n', 'h'],
  ['GET / HTTP/1.0\r\n\r\n', undefined],
])('metadata.serverName is the host that the upstream gets: %j', async (text, host) => {
  let serverName: string | undefined;
  let got: string | undefined;
  const waf = (event: ProxyEvent): Decision => {
    if (event.type === 'requestHeaders') ({ serverName } = event.metadata);
    return { verdict: { type: 'allow' } };
  };
  const { url } = await setup({ waf }, {}, (request, response) => {
    got = request.headers.host;
    response.end();
  });
  await exchange(url, text);
  expect(serverName).toBe(got);
  if (host !== undefined) expect(got).toBe(host);
});

test('a body mutation for another chunk is a failure of the agent, and its policy decides', async () => {
  const waf = (event: ProxyEvent): Decision => ({
    verdict: { type: 'allow' },
    needsMore: event.type === 'requestHeaders',
    ...(event.type === 'requestBodyChunk' && {
      requestBodyMutation: { index: event.index + 1, data: Buffer.from('changed') },
    }),
  });
  const closed = await setup({ waf: { on: waf, events: ['requestHeaders', 'requestBodyChunk'] } });
  expect((await fetch(closed.url, { method: 'POST', body: 'body' })).status).not.toBe(200);
  await closed.ended(1);
  expect(closed.summaries[0]?.decision?.audit?.reasonCodes).toEqual(['agentwire:ERR_PROTOCOL']);
});

test('the head of a block without body, to an unfinished upload, is latin1 byte for byte', async () => {
  const headers = ['x-name', 'caf\u00e9'];
  for (const method of ['POST', 'HEAD']) {
    const { url } = await setup({ waf: () => ({ verdict: { type: 'block', status: 403, headers } }) });
    const client = await rawClient(url);
    client.send(`${method} / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\nbegin`);
    expect(await client.until(/\r\n\r\n/)).toContain('x-name: caf\u00e9\r\n');
  }
});

test('the head of a response whose body has not begun is latin1 byte for byte', async () => {
  const { url } = await setup({}, {}, (_request, response) => {
    response.writeHead(200, ['x-name', 'caf\u00e9']).flushHeaders();
  });
  const client = await rawClient(url);
  client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  expect(await client.until(/\r\n\r\n/)).toMatch(/x-name: caf(\u00e9|\u00c3\u00a9)\r\n/);
});

test.each([
  [{ trustForwarded: 'no' }, 'trustForwarded must be true, false or a list of IP ranges'],
  [{ allowTrace: 1 }, 'allowTrace must be true or false'],
  [{ headersWithUnderscores: 'dropp' }, 'headersWithUnderscores must be one of drop, keep'],
])('options %j are refused', (options, message) => {
  expect(() => createGateway({ pool: {} as never, upstream: 'http://h:1', ...options } as never)).toThrow(message);
});
