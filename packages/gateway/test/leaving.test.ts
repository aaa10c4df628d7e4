import type { RequestListener } from 'node:http';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const never = (): Promise<never> => new Promise(() => undefined);

/** A gate that a test waits at. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

/** An agent that takes every event and hangs at one kind of them. */
const hangsAt = (type: ProxyEvent['type'], reached: () => void): Agents => ({
  agent: (event) => {
    if (event.type !== type) return allow({ needsMore: true });
    reached();
    return never();
  },
});

describe('a client that leaves', () => {
  const upload = 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nthe beginning';
  const get = 'GET / HTTP/1.1\r\nhost: h\r\n\r\n';
  type Phase = (reached: () => void, upstreamGone: () => void) => { agents?: Agents; upstream?: RequestListener };
  const phases: [string, string, boolean, Phase][] = [
    ['while its head is judged', get, false, (reached) => ({ agents: hangsAt('requestHeaders', reached) })],
    ['while its body is judged', upload, false, (reached) => ({ agents: hangsAt('requestBodyChunk', reached) })],
    [
      'in the middle of its body',
      upload,
      true,
      (reached, gone) => ({
        upstream: (request) =>
          void request
            .once('data', reached)
            .on('error', () => undefined)
            .once('close', gone),
      }),
    ],
    [
      'while the upstream thinks',
      get,
      true,
      (reached, gone) => ({ upstream: (_request, response) => (response.once('close', gone), reached()) }),
    ],
    [
      'in the middle of the response',
      get,
      true,
      (reached, gone) => ({
        upstream: (_request, response) => {
          response.once('close', gone);
          response.write('some of it', reached);
        },
      }),
    ],
    [
      'while the response is judged',
      get,
      true,
      (reached, gone) => ({
        agents: hangsAt('responseHeaders', reached),
        upstream: (_request, response) => void response.once('close', gone).write('some of it'),
      }),
    ],
  ];

  test.each(phases)('%s cancels everything', async (_name, text, toUpstream, phase) => {
    const [reached, gone] = [gate(), gate()];
    const { agents = {}, upstream } = phase(reached.open, gone.open);
    const { url, gateway, pool, ended, summaries } = await setup(agents, {}, upstream);
    const client = await rawClient(url);
    client.send(text);
    await reached.opened;
    if (_name === 'in the middle of the response') await client.until(/some of it/);
    client.socket.destroy();
    await ended(1);
    expect(summaries[0]?.outcome).toBe('cancelled');
    if (toUpstream) await gone.opened;
    await new Promise((resolve) => setImmediate(resolve));
    expect(gateway.stats.active).toBe(0);
    expect(pool.stats.agents.reduce((sum, { liveRequests }) => sum + liveRequests, 0)).toBe(0);
  });
});

test('a client that ends its side of the connection has left, as it has for node:http', async () => {
  const arrived = gate();
  const { url, ended, summaries } = await setup({}, {}, () => arrived.open());
  const client = await rawClient(url);
  client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await arrived.opened;
  client.socket.end();
  expect(await client.closed()).toBe('');
  await ended(1);
  expect(summaries[0]?.outcome).toBe('cancelled');
});

describe('an upstream that dies', () => {
  const judge: Agents = { judge: (event) => allow({ needsMore: event.type !== 'responseBodyChunk' || !event.last }) };

  test.each([
    ['unjudged', {}],
    ['judged', judge],
  ])('before its head is 502, %s', async (_name, agents) => {
    const { url } = await setup(agents, {}, (request) => void request.socket.destroy());
    expect((await fetch(url)).status).toBe(502);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(502);
  });

  test('in the middle of the upload is 502, and the client can read that', async () => {
    const { url } = await setup({}, {}, (request) => void request.once('data', () => request.socket.destroy()));
    expect((await fetch(url, { method: 'POST', body: Buffer.alloc(20 * 1024 ** 2) })).status).toBe(502);
  });

  test.each([
    ['unjudged', {}, 'content-length'],
    ['unjudged and chunked', {}, undefined],
    ['judged', judge, 'content-length'],
  ])('in the middle of its body cuts the connection: %s', async (_name, agents, framing) => {
    const { url, ended, summaries } = await setup(agents, {}, (_request, response) => {
      if (framing !== undefined) response.setHeader(framing, '100');
      response.write('some of it', () => response.destroy());
    });
    const client = await rawClient(url);
    client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    const text = await client.closed();
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    await ended(1);
    expect(summaries[0]?.outcome).toBe('failed');
  });

  test('and one that is silent is 504', async () => {
    const { url } = await setup({}, { upstreamTimeoutMs: 50 }, () => undefined);
    expect((await fetch(url)).status).toBe(504);
  });

  test('one that does not speak HTTP is 502', async () => {
    const { url } = await setup({}, {}, (_request, response) => void response.socket?.end('hello\r\n\r\n'));
    expect((await fetch(url)).status).toBe(502);
  });
});

test('an agent that is removed from the pool meanwhile ends nothing but its own part', async () => {
  const [arrived, answer] = [gate(), gate()];
  const { url, pool, ended, summaries } = await setup(
    { agent: { on: () => ALLOW, events: ['requestHeaders'] } },
    {},
    (_request, response) => {
      arrived.open();
      void answer.opened.then(() => response.end('fine'));
    },
  );
  const response = fetch(url);
  await arrived.opened;
  await pool.removeAgent('agent');
  answer.open();
  await (await response).text();
  await ended(1);
  expect(summaries[0]?.outcome).toBe('failed');
  expect((await fetch(url)).status).toBe(502);
});

test('an onRequestEnd that throws ends nothing', async () => {
  const { url, gateway } = await setup(
    {},
    {
      onRequestEnd: () => {
        throw new Error('broken');
      },
    },
  );
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(url)).status).toBe(200);
  expect(gateway.stats.requests).toBe(2);
});
