import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { agentFetch } from '@agentwire/middleware';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Agent, buildConnector, fetch as fetchOfUndici } from 'undici';
import { poolWith } from './setup.ts';

/** Server that echoes requests; `/moved` redirects to `/here`. @returns its port, and the heads that it got */
async function echoing(): Promise<number> {
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    if (url === '/moved') return void response.writeHead(307, { location: '/here' }).end();
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () =>
      response.end(`${method} ${url} "${body}" ${headers['content-length']} ${String(headers['x-own'])}`),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

/** Dispatcher of undici by which every name is a server at `port`: without it no request arrives. */
function leadingTo(port: number): Agent {
  const connect = buildConnector({});
  const to = { hostname: '127.0.0.1', port: String(port), host: `127.0.0.1:${port}` };
  const dispatcher = new Agent({ connect: (options, callback) => connect({ ...options, ...to }, callback) });
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

type Fetch = typeof fetch;

describe.each<[string, Fetch | undefined]>([
  ['the global fetch', undefined],
  ['fetch of the package undici', fetchOfUndici as unknown as Fetch],
])('%s', (_name, send) => {
  test.each([
    ['judge its body', true],
    ['judge its head', false],
  ])('goes by the dispatcher of its caller where agents %s', async (_what, needsMore) => {
    const dispatcher = leadingTo(await echoing()) as unknown as NonNullable<RequestInit['dispatcher']>;
    const pool = await poolWith((event: ProxyEvent) => {
      const requestHeaders = [{ op: 'set' as const, name: 'x-own', value: '1' }];
      return event.type === 'requestHeaders'
        ? { ...ALLOW, requestHeaders, needsMore: needsMore && event.hasBody === true }
        : ALLOW;
    });
    const judged = agentFetch({ pool, agents: ['waf'], fetch: send });
    const ask = async (path: string, init: RequestInit = {}): Promise<string> =>
      (await judged(`http://nowhere.invalid${path}`, { ...init, dispatcher })).text();
    const post = { method: 'POST', body: 'text' };
    expect(await ask('/a?b')).toBe('GET /a?b "" undefined 1');
    expect(await ask('/a', post)).toBe('POST /a "text" 4 1');
    expect(await ask('/moved')).toBe('GET /here "" undefined 1');
    expect(await ask('/moved', post)).toBe('POST /here "text" 4 1');
    const stream = new Blob(['text']).stream();
    const length = needsMore ? '4' : 'undefined';
    expect(await ask('/a', { method: 'POST', body: stream, duplex: 'half' })).toBe(`POST /a "text" ${length} 1`);
  });

  test('is refused by agents, whose response it resolves with', async () => {
    const dispatcher = leadingTo(await echoing()) as unknown as NonNullable<RequestInit['dispatcher']>;
    const pool = await poolWith((event: ProxyEvent) => {
      if (event.type === 'requestHeaders') return ALLOW;
      if (event.type === 'responseHeaders') return { ...ALLOW, needsMore: true };
      if (event.type !== 'responseBodyChunk') return ALLOW;
      const data = Buffer.from(event.data).toString().toUpperCase();
      if (data.includes('SECRET')) return { verdict: { type: 'block', status: 403, body: 'no' } };
      return { ...ALLOW, responseBodyMutation: { data: Buffer.from(data), index: event.index } };
    });
    const judged = agentFetch({ pool, agents: ['waf'], fetch: send });
    const ask = (path: string): Promise<Response> => judged(`http://nowhere.invalid${path}`, { dispatcher });
    expect(await (await ask('/a')).text()).toBe('GET /A "" UNDEFINED UNDEFINED');
    const refused = await ask('/secret');
    expect([refused.status, await refused.text()]).toEqual([403, 'no']);
  });
});
