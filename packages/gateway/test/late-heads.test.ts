import { ALLOW, type Decision, type HeaderOp, type ProxyEvent } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { exchange, rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';

const more: Decision = { ...ALLOW, needsMore: true };
const set = (name: string, value = '1'): HeaderOp[] => [{ op: 'set', name, value }];
const isLast = (event: ProxyEvent): boolean => 'last' in event && event.last;

/** Reads both bodies; changes both heads with its decision on the chunk of that index, and on the last one. */
const changing =
  (index: number) =>
  (event: ProxyEvent): Decision => {
    const needsMore = !isLast(event);
    if (!('index' in event) || event.index !== index) return { ...ALLOW, needsMore };
    const isRequest = event.type === 'requestBodyChunk';
    return { ...ALLOW, needsMore, [isRequest ? 'requestHeaders' : 'responseHeaders']: set('x-late') };
  };

const withPolicy = (on: (event: ProxyEvent) => Decision, onFailure: 'open' | 'closed'): Agents => ({
  agent: { on, add: { onFailure } },
});

describe('header operations decided with a chunk, streamed', () => {
  test('with the first one they are in time for the head of the request', async () => {
    const { url } = await setup(withPolicy(changing(0), 'closed'));
    const response = await fetch(url, { method: 'POST', body: 'body' });
    expect(await response.json()).toMatchObject({ headers: { 'x-late': '1', 'content-length': '4' } });
    expect(response.headers.get('x-late')).toBe('1');
  });

  test.each(['closed', 'open'] as const)('later ones are a failure of the agent, which is %s', async (policy) => {
    const first = Promise.withResolvers<void>();
    const { url, pool } = await setup(withPolicy(changing(1), policy), {}, (request, response) => {
      request.on('data', () => first.resolve()).on('end', () => response.end());
      request.on('error', () => undefined);
    });
    const client = await rawClient(url);
    client.send('POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    await first.promise;
    client.send('6\r\nsecond\r\n0\r\n\r\n');
    expect(await client.closed()).toMatch(policy === 'closed' ? /^HTTP\/1\.1 503 / : /^HTTP\/1\.1 200 /);
    expect(pool.stats.agents[0]?.failures).toBe(1);
  });

  test.each(['closed', 'open'] as const)('so are later ones of a response: %s', async (policy) => {
    const second = Promise.withResolvers<void>();
    const { url, pool } = await setup(withPolicy(changing(1), policy), {}, (_request, response) => {
      response.write('first');
      void second.promise.then(() => response.end('second'));
    });
    const client = await rawClient(url);
    client.send('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    await client.until(/first/);
    second.resolve();
    const text = await client.closed();
    expect(text).not.toMatch(/x-late/i);
    expect(text.endsWith('0\r\n\r\n')).toBe(policy === 'open');
    expect(pool.stats.agents[0]?.failures).toBe(1);
  });

  test('a body that does not begin does not delay the head of the request', async () => {
    const head = Promise.withResolvers<void>();
    const { url } = await setup(withPolicy(changing(9), 'closed'), {}, (request, response) => {
      head.resolve();
      request.resume().on('end', () => response.end('ok'));
    });
    const client = await rawClient(url);
    client.send('POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 1\r\n\r\n');
    // undici sends a head with the first bytes; what counts is that it is not refused, and goes then
    client.send('x');
    await head.promise;
    expect(await client.closed()).toMatch(/ 200 OK[^]*ok/);
  });

  test.each(['text/event-stream', 'text/plain'])('nor that of a response: %s', async (type) => {
    const go = Promise.withResolvers<void>();
    const { url } = await setup(withPolicy(changing(9), 'closed'), {}, (_request, response) => {
      response.writeHead(200, { 'content-type': type }).flushHeaders();
      void go.promise.then(() => response.end('data'));
    });
    const response = await fetch(url);
    go.resolve();
    expect(await response.text()).toBe('data');
  });
});

describe('a small response that is refused after a whole read, streamed', () => {
  const gate = (event: ProxyEvent): Decision => {
    if (event.type === 'responseBodyChunk' && event.last) return { verdict: { type: 'block', status: 403 } };
    return event.type.startsWith('response') ? more : ALLOW;
  };
  test.each(['length', 'chunked'])('is an answer: %s', async (framing) => {
    const { url } = await setup({ gate }, {}, (_request, response) => {
      if (framing === 'length') response.setHeader('content-length', 6);
      response.write('sec');
      response.end('ret');
    });
    expect((await fetch(url)).status).toBe(403);
  });
});

test('a response of length 0 is announced without a body', async () => {
  const bodies: unknown[] = [];
  const judge = (event: ProxyEvent): Decision => {
    if (event.type === 'responseHeaders') bodies.push(event.hasBody);
    return ALLOW;
  };
  const { url } = await setup({ judge }, {}, (request, response) => response.end(request.url === '/' ? '' : 'x'));
  await fetch(url);
  await fetch(`${url}/x`);
  expect(bodies).toEqual([false, true]);
});

test.each([
  ['remove', [{ op: 'remove', name: 'Content-Length' }]],
  ['set', [{ op: 'set', name: 'content-length', value: '0' }]],
] as [string, HeaderOp[]][])('the next agent sees the length that is true after a %s of it', async (_what, ops) => {
  const seen: unknown[] = [];
  const lies = (): Decision => ({ ...ALLOW, requestHeaders: ops, responseHeaders: ops });
  const looks = (event: ProxyEvent): Decision => {
    if (event.type === 'requestHeaders' || event.type === 'responseHeaders') {
      const at = event.headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length');
      seen.push(event.headers[at + 1], event.hasBody);
    }
    return ALLOW;
  };
  const { url } = await setup({ lies, looks }, {}, (request, response) => {
    let text = `${request.headers['content-length']} `;
    request.on('data', (part: Buffer) => (text += part.toString())).on('end', () => response.end(text));
  });
  const text = await exchange(url, 'POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody');
  expect(text).toMatch(/content-length: 6\r\n[^]*4 body$/i);
  expect(seen).toEqual(['4', true, '6', true]);
});
