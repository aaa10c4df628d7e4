import { request as httpRequest } from 'node:http';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createGateway } from '@agentwire/gateway';
import { describe, expect, test } from 'vitest';
import { echo, setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const upper = (data: Uint8Array): Uint8Array => Buffer.from(Buffer.from(data).toString().toUpperCase());
type Echo = { method: string; url: string; headers: Record<string, string>; body: string };
const json = async (response: Response): Promise<Echo> => (await response.json()) as Echo;

describe('heads', () => {
  test('an allowed request reaches the upstream with the changes of the agents, in their order', async () => {
    const { url } = await setup({
      one: () =>
        allow({
          requestHeaders: [
            { op: 'set', name: 'x-a', value: '1' },
            { op: 'remove', name: 'x-secret' },
          ],
        }),
      two: (event) => {
        if (event.type !== 'requestHeaders') return ALLOW;
        const seen = event.headers.includes('x-a') && !event.headers.includes('x-secret');
        return allow({ requestHeaders: [{ op: 'add', name: 'x-b', value: String(seen) }] });
      },
    });
    const response = await fetch(`${url}/path?q=1`, { headers: { 'x-secret': 's' } });
    const got = await json(response);
    expect(got).toMatchObject({
      method: 'GET',
      url: '/path?q=1',
      headers: { 'x-a': '1', 'x-b': 'true', 'x-forwarded-proto': 'http' },
    });
    expect(got.headers['x-secret']).toBeUndefined();
    expect(response.headers.get('x-upstream')).toBe('1');
  });

  test.each<[string, Decision, number, string, Record<string, string>]>([
    [
      'blocked',
      { verdict: { type: 'block', status: 418, body: 'no', headers: ['x-why', 'tea'] } },
      418,
      'no',
      { 'x-why': 'tea' },
    ],
    [
      'redirected',
      { verdict: { type: 'redirect', url: 'https://example.test/login', status: 302 } },
      302,
      '',
      { location: 'https://example.test/login' },
    ],
    [
      'challenged',
      { verdict: { type: 'challenge', challengeType: 'captcha', params: { site_key: 'k"1' } } },
      401,
      '{"challenge_type":"captcha","params":{"site_key":"k\\"1"}}',
      { 'www-authenticate': String.raw`captcha site_key="k\"1"` },
    ],
    [
      'challenged',
      { verdict: { type: 'challenge', challengeType: 'captcha', params: { text: '\u017e', 'a b': '1', key: '2' } } },
      401,
      '{"challenge_type":"captcha","params":{"text":"\u017e","a b":"1","key":"2"}}',
      { 'www-authenticate': 'captcha key="2"' },
    ],
  ])('%s', async (outcome, decision, status, body, headers) => {
    let reached = 0;
    const { url, summaries, ended } = await setup({ waf: () => decision, after: () => ((reached += 1), ALLOW) });
    const response = await fetch(url, { redirect: 'manual' });
    expect([response.status, await response.text()]).toEqual([status, body]);
    for (const [name, value] of Object.entries(headers)) expect(response.headers.get(name)).toBe(value);
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome, agent: 'waf', status });
    expect(reached).toBe(0);
  });

  test('agents in an inner list are asked together', async () => {
    let asked = 0;
    const both = Promise.withResolvers<void>();
    const meet = async (): Promise<Decision> => {
      asked += 1;
      if (asked === 2) both.resolve();
      await both.promise;
      return ALLOW;
    };
    const { url } = await setup(
      { a: { on: meet, events: ['requestHeaders'] }, b: { on: meet, events: ['requestHeaders'] } },
      { agents: [['a', 'b']] },
    );
    expect((await fetch(url)).status).toBe(200);
  });

  test("client's own forwarding headers are replaced unless they are trusted, and hop-by-hop ones never pass", async () => {
    const headers = {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      te: 'gzip',
      'x-hop': '1',
      connection: 'x-hop',
    };
    for (const [trustForwarded, expected] of [
      [false, '127.0.0.1'],
      [true, '6.6.6.6, 127.0.0.1'],
    ] as const) {
      const { url } = await setup({}, { trustForwarded });
      const got = await new Promise<Echo>((resolve, reject) => {
        httpRequest(url, { headers }, (response) => {
          const parts: Buffer[] = [];
          response
            .on('data', (part: Buffer) => parts.push(part))
            .on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString()) as Echo));
        })
          .on('error', reject)
          .end();
      });
      expect(got.headers['x-forwarded-for']).toBe(expected);
      expect([got.headers['te'], got.headers['x-hop']]).toEqual([undefined, undefined]);
    }
  });

  test('a change that HTTP forbids is a 502 and never reaches the upstream', async () => {
    const { url, summaries, ended } = await setup({
      waf: () => allow({ requestHeaders: [{ op: 'set', name: 'connection', value: 'x' }] }),
    });
    expect((await fetch(url)).status).toBe(502);
    await ended(1);
    expect(summaries[0]?.outcome).toBe('failed');
  });
});

describe('bodies', () => {
  test('an agent gets a request body chunk by chunk, and replaces, drops and passes chunks', async () => {
    const seen: string[] = [];
    const { url } = await setup({
      waf: (event: ProxyEvent) => {
        if (event.type === 'requestHeaders') return allow({ needsMore: true });
        if (event.type !== 'requestBodyChunk') return ALLOW;
        const text = Buffer.from(event.data).toString();
        seen.push(`${event.index}:${text}:${event.last}`);
        const data = text.startsWith('drop') ? new Uint8Array(0) : text.startsWith('pass') ? null : upper(event.data);
        return allow({ needsMore: !event.last, requestBodyMutation: { index: event.index, data } });
      },
    });
    const parts = ['pass this ', 'drop this ', 'raise this'];
    // each part waits until the agent has seen the one before, so that TCP cannot join them
    async function* body(): AsyncGenerator<Uint8Array> {
      for (const [index, part] of parts.entries()) {
        while (seen.length < index) await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from(part);
      }
    }
    const response = await fetch(url, { method: 'POST', body: body() as never, duplex: 'half' });
    expect((await json(response)).body).toBe('pass this RAISE THIS');
    expect(seen).toEqual(['0:pass this :false', '1:drop this :false', '2:raise this:false', '3::true']);
  });

  test('a block in the middle of a body ends the upstream request and answers the client', async () => {
    let upstreamBody = '';
    const { url, summaries, ended } = await setup(
      {
        waf: (event) => {
          if (event.type === 'requestHeaders') return allow({ needsMore: true });
          if (event.type !== 'requestBodyChunk') return ALLOW;
          if (Buffer.from(event.data).includes('attack'))
            return { verdict: { type: 'block', status: 403, body: 'attack in body' } };
          return allow({ needsMore: true });
        },
      },
      {},
      (request) => void request.on('data', (part: Buffer) => (upstreamBody += part.toString())),
    );
    const response = await fetch(url, { method: 'POST', body: 'an attack' });
    expect([response.status, await response.text()]).toEqual([403, 'attack in body']);
    expect(upstreamBody).toBe('');
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'blocked', agent: 'waf' });
  });

  test('a body that no agent reads passes unchanged, with its length', async () => {
    const { url } = await setup({ waf: () => ALLOW });
    const big = 'x'.repeat(1_000_000);
    const got = await json(await fetch(url, { method: 'PUT', body: big }));
    expect([got.body.length, got.headers['content-length']]).toEqual([1_000_000, '1000000']);
  });

  test('a response is judged: headers changed, body changed', async () => {
    const { url } = await setup({
      waf: (event) => {
        if (event.type === 'responseHeaders')
          return allow({
            needsMore: true,
            responseHeaders: [{ op: 'set', name: 'x-seen', value: String(event.status) }],
          });
        if (event.type !== 'responseBodyChunk') return ALLOW;
        return allow({ needsMore: !event.last, responseBodyMutation: { index: event.index, data: upper(event.data) } });
      },
    });
    const response = await fetch(url, { method: 'POST', body: 'quiet' });
    expect(response.headers.get('x-seen')).toBe('200');
    expect(await response.text()).toContain('QUIET');
  });

  test('a response can be blocked before anything of it is sent', async () => {
    const { url } = await setup({
      waf: (event) =>
        event.type === 'responseHeaders' ? { verdict: { type: 'block', status: 502, body: 'hidden' } } : ALLOW,
    });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([502, 'hidden']);
  });

  test('changes of the response that are decided with the request apply', async () => {
    const { url } = await setup({
      waf: {
        on: () => allow({ responseHeaders: [{ op: 'set', name: 'x-early', value: '1' }] }),
        events: ['requestHeaders'],
      },
    });
    expect((await fetch(url)).headers.get('x-early')).toBe('1');
  });

  test('a body past its limit is 413', async () => {
    const { url } = await setup({}, { maxRequestBodyBytes: 10 });
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(100) })).status).toBe(413);
    async function* unannounced(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100);
    }
    const chunked = await fetch(url, { method: 'POST', body: unannounced() as never, duplex: 'half' });
    expect(chunked.status).toBe(413);
  });
});

describe('failures', () => {
  test('an agent that fails is closed by default, open where that is configured; both are logged', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const shut = await setup({ waf: broken });
    expect((await fetch(shut.url)).status).toBe(503);
    await shut.ended(1);
    expect(shut.summaries[0]?.decision?.audit?.tags).toContain('agentwire:fail-closed');
    const open = await setup({ waf: { on: broken, add: { onFailure: 'open' } } });
    expect((await fetch(open.url)).status).toBe(200);
  });

  test('a client that leaves cancels at the agent and at the upstream', async () => {
    const signal = Promise.withResolvers<AbortSignal>();
    const { url, ended, summaries, pool } = await setup({
      waf: (_event, request) => {
        signal.resolve(request.signal);
        return new Promise(() => undefined);
      },
    });
    const controller = new AbortController();
    const response = fetch(url, { signal: controller.signal }).catch((error: Error) => error.name);
    const seen = await signal.promise;
    controller.abort();
    expect(await response).toBe('AbortError');
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'cancelled', status: 0 });
    if (!seen.aborted) await new Promise((resolve) => seen.addEventListener('abort', resolve));
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 0, liveRequests: 0 });
  });

  test('an upstream that is not there is 502', async () => {
    const { url } = await setup({}, { upstream: 'http://127.0.0.1:1' });
    expect((await fetch(url)).status).toBe(502);
  });

  test('past maxConcurrentRequests it is 503 at once', async () => {
    const arrived = Promise.withResolvers<() => void>();
    const { url, gateway } = await setup({}, { maxConcurrentRequests: 1 }, (_request, response) =>
      arrived.resolve(() => response.end('late')),
    );
    const first = fetch(url);
    const finish = await arrived.promise;
    expect((await fetch(url)).status).toBe(503);
    finish();
    expect(await (await first).text()).toBe('late');
    expect(gateway.stats).toMatchObject({ requests: 2, overloaded: 1 });
  });

  test('drain finishes what is in flight', async () => {
    const arrived = Promise.withResolvers<() => void>();
    const { url, gateway } = await setup({}, {}, (_request, response) => arrived.resolve(() => response.end('done')));
    const first = fetch(url);
    const finish = await arrived.promise;
    const drained = gateway.drain();
    finish();
    expect(await (await first).text()).toBe('done');
    await drained;
    await expect(fetch(url)).rejects.toThrow();
  });

  test('agents are told of the end of every request', async () => {
    const complete = Promise.withResolvers<ProxyEvent>();
    const { url } = await setup({
      waf: (event) => (event.type === 'requestComplete' && complete.resolve(event), ALLOW),
    });
    await (await fetch(url, { method: 'POST', body: 'four' })).text();
    expect(await complete.promise).toMatchObject({ status: 200, requestBodySize: 4 });
  });
});

test.each([
  [{ upstream: 'example.test' }, 'upstream must be http://HOST:PORT'],
  [
    { upstream: 'grpc://127.0.0.1:1' },
    'got "grpc://127.0.0.1:1"; for gRPC and other HTTP/2, list http://HOST:PORT in upstreams, with protocol: http2',
  ],
  [{ upstreams: { a: { targets: ['h2c://h:1'] } }, upstream: 'a' }, 'with protocol: http2'],
  [{ upstream: 'http://h:1', agents: ['a', ['a']] }, 'agents names "a" twice'],
  [{ upstream: 'http://h:1', agent: [] }, 'has no option "agent"'],
  [{ upstream: 'http://h:1', proxyProtocol: true }, 'give it to listen({ proxyProtocol })'],
])('options %j', (options, message) => {
  expect(() => createGateway({ pool: {} as never, ...(options as object) })).toThrow(message);
  expect(echo).toBeTypeOf('function');
});
