import type { Decision, HeaderOp, ProxyEvent } from '@agentwire/core';
import type { GatewayOptions } from '@agentwire/gateway';
import { describe, expect, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const set = (name: string, value: string): HeaderOp => ({ op: 'set', name, value });
const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const valuesOf = (list: readonly string[], pattern: RegExp): string[] =>
  list.filter((_value, at) => at % 2 === 1 && pattern.test(list[at - 1] ?? ''));

/** Sends one request with `lines` through an agent with `ops`. @returns what the agent saw and what the upstream got */
async function ask(
  lines: readonly string[],
  ops: readonly HeaderOp[] = [],
  options: Partial<GatewayOptions> = {},
): Promise<{ seen: readonly string[]; got: readonly string[]; serverName: string | undefined }> {
  let seen: readonly string[] = [];
  let got: readonly string[] = [];
  let serverName: string | undefined;
  const agent = (event: ProxyEvent): Decision => {
    if (event.type !== 'requestHeaders') return allow();
    ({ headers: seen } = event);
    ({ serverName } = event.metadata);
    return allow({ requestHeaders: ops });
  };
  const { url } = await setup({ agent }, options, (request, response) => {
    got = request.rawHeaders;
    request.resume();
    response.end('ok');
  });
  const text = await exchange(url, `POST / HTTP/1.1\r\n${['host: h', ...lines].join('\r\n')}\r\n\r\n0\r\n\r\n`);
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  return { seen, got, serverName };
}

const CHUNKED = 'transfer-encoding: chunked';

describe("a client's lines cannot take away what an agent sets", () => {
  const claims = (name: string): string[][] => [
    [`connection: close, ${name}`],
    [`connection: close, ${name}`, `${name}: client`],
    [`${name}: client`, `connection: ${name.toUpperCase()}, close`],
    ['connection: close', `${name}: agent`, `connection: ${name}`],
    ['connection: close', `${name}: agent`],
    ['connection: close', `${name}: client`, `${name.toUpperCase()}: agent`],
  ];
  const names = [
    'x-user',
    'cookie',
    'authorization',
    'content-type',
    'x-forwarded-tenant',
    'x-real-ip',
    'forwarded',
    'x-forwarded-for',
  ];
  test.each(names)('%s, however it is sent and nominated', async (name) => {
    for (const lines of claims(name)) {
      const { got } = await ask([...lines, CHUNKED], [set(name, 'agent')]);
      expect([lines, valuesOf(got, new RegExp(`^${name}$`, 'i'))]).toEqual([lines, ['agent']]);
    }
  });

  test('the upstream gets the Host that was judged', async () => {
    const { seen, got, serverName } = await ask([
      'connection: close, host, content-length, transfer-encoding',
      CHUNKED,
    ]);
    expect([valuesOf(seen, /^host$/), valuesOf(got, /^host$/), serverName]).toEqual([['h'], ['h'], 'h']);
  });

  test('headers that a client nominates are removed before agents see them, not after', async () => {
    const { seen, got } = await ask(['connection: close, cookie', 'cookie: session=1', 'x-b: 2', CHUNKED]);
    expect([valuesOf(seen, /^cookie$/), valuesOf(got, /^cookie$/), valuesOf(got, /^x-b$/)]).toEqual([[], [], ['2']]);
  });

  test('agents see what the upstream gets, and the framing that is true', async () => {
    const lines = ['connection: close, te', 'te: trailers', 'keep-alive: 1', 'expect: nothing', 'trailer: x', 'x-a: 1'];
    const { seen, got } = await ask([...lines.filter((one) => !one.startsWith('expect')), CHUNKED]);
    const own = 'x-forwarded-for 127.0.0.1 x-forwarded-proto http x-forwarded-host h';
    expect(seen.join(' ')).toBe(`host h te trailers x-a 1 transfer-encoding chunked ${own}`);
    expect(valuesOf(got, /^(te|trailer|keep-alive)$/)).toEqual([]);
  });

  test('an agent may change and remove the forwarded headers of the gateway', async () => {
    const ops: HeaderOp[] = [set('x-forwarded-for', '9.9.9.9'), { op: 'remove', name: 'x-forwarded-host' }];
    const { got } = await ask(['connection: close', CHUNKED], ops);
    expect([valuesOf(got, /^x-forwarded-for$/), valuesOf(got, /^x-forwarded-host$/)]).toEqual([['9.9.9.9'], []]);
  });

  test('headers of a trusted proxy stay, and a client behind it cannot nominate them away', async () => {
    const lines = ['connection: close, x-forwarded-for, x-forwarded-proto', 'x-forwarded-for: 1.1.1.1'];
    const { got } = await ask([...lines, 'x-forwarded-for: 2.2.2.2', 'x-forwarded-proto: https', CHUNKED], [], {
      trustForwarded: true,
    });
    expect(valuesOf(got, /^x-forwarded-for$/)).toEqual(['1.1.1.1, 2.2.2.2, 127.0.0.1']);
    expect(valuesOf(got, /^x-forwarded-proto$/)).toEqual(['https']);
  });

  test('the next agent sees the host that an earlier one has set, in both places', async () => {
    const heard: unknown[] = [];
    const first = (): Decision => allow({ requestHeaders: [set('Host', 'inner')] });
    const second = (event: ProxyEvent): Decision => {
      if (event.type === 'requestHeaders') heard.push(event.metadata.serverName, valuesOf(event.headers, /^host$/i));
      return allow();
    };
    const { url } = await setup({ first, second });
    await fetch(url);
    expect(heard).toEqual(['inner', ['inner']]);
  });
});

describe('names with underscores', () => {
  test('are dropped', async () => {
    const { seen, got } = await ask(['connection: close', 'X_User: client', 'x-user: client', CHUNKED]);
    expect([seen.includes('X_User'), got.includes('X_User')]).toEqual([false, false]);
  });

  test.each([false, true])(
    'do not stand beside the forwarded headers, where such names are kept; trustForwarded: %s',
    async (trustForwarded) => {
      const spellings = ['X_Forwarded_For', 'x_forwarded-for', 'X.Forwarded.For', 'X_Real_IP', 'X_Forwarded_Tenant'];
      const { seen, got } = await ask(
        ['connection: close', ...spellings.map((name) => `${name}: 6.6.6.6`), 'x-forwarded-for: 10.0.0.1', CHUNKED],
        [],
        { headersWithUnderscores: 'keep', trustForwarded },
      );
      for (const headers of [seen, got]) {
        expect(valuesOf(headers, /^x.(forwarded.(for|tenant)|real.ip)$/i)).toEqual([
          trustForwarded ? '10.0.0.1, 127.0.0.1' : '127.0.0.1',
        ]);
      }
    },
  );

  test.each(['X_Client_Name', 'x_client-name', 'X.Client.Name', 'x-client-name'])(
    '%s, where such names are kept, does not stand beside what an agent sets',
    async (twin) => {
      const { seen, got } = await ask(
        ['connection: close', `${twin}: client`, 'x_other: kept', 'x_forwarded_for: 6.6.6.6', CHUNKED],
        [set('x-client-name', 'agent')],
        { headersWithUnderscores: 'keep' },
      );
      expect(seen).toContain(twin);
      expect(valuesOf(got, /^x.client.name$/i)).toEqual(['agent']);
      expect([valuesOf(got, /^x_other$/), valuesOf(got, /^x.forwarded.for$/)]).toEqual([['kept'], ['127.0.0.1']]);
    },
  );
});

test.each([
  ['nominated', ['connection', 'x-judge']],
  ['nominated and sent', ['connection', 'x-judge', 'x-judge', 'upstream']],
  ['sent twice', ['x-judge', 'upstream', 'X-Judge', 'upstream']],
  ['sent as a twin', ['x_judge', 'upstream']],
])('a response keeps what was set for it while its name is %s by the upstream', async (_name, headers) => {
  const on = (event: ProxyEvent): Decision =>
    event.type === 'requestHeaders' || event.type === 'responseHeaders'
      ? allow({ responseHeaders: [set('x-judge', event.type)] })
      : allow();
  for (const events of [['requestHeaders'], ['requestHeaders', 'responseHeaders']] as const) {
    const { url } = await setup({ agent: { on, events } }, {}, (_request, response) => {
      response.writeHead(200, headers).end('ok');
    });
    const response = await fetch(url);
    expect(response.headers.get('x-judge')).toBe(events.at(-1));
    expect(response.headers.get('x_judge')).toBeNull();
  }
});
