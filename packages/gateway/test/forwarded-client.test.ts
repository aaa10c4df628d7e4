import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import type { GatewayOptions } from '@agentwire/gateway';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressList } from '../src/request/address-list.ts';
import { forwardedClient, hopOf } from '../src/request/forwarded-client.ts';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const PROXIES = ['127.0.0.0/8', '10.0.0.0/8', 'fd00::/8', '2001:db8::1'];

/** Sends a request, and returns the client and headers that agent, access log and upstream get. */
async function ask(lines: readonly string[], options: Partial<GatewayOptions>): Promise<Record<string, unknown>> {
  let seen: ProxyEvent | undefined;
  let got: readonly string[] = [];
  const waf = (event: ProxyEvent): Decision => {
    seen = event;
    return ALLOW;
  };
  const { url, summaries, ended } = await setup(
    { waf: { on: waf, events: ['requestHeaders'] } },
    options,
    (request, response) => {
      got = request.rawHeaders;
      response.end();
    },
  );
  await exchange(url, ['GET / HTTP/1.1', 'host: h', 'connection: close', ...lines, '', ''].join('\r\n'));
  await ended(1);
  if (seen?.type !== 'requestHeaders') throw new Error('no head');
  const values = (name: string): string[] => got.filter((_value, at) => got[at - 1]?.toLowerCase() === name);
  return {
    agent: [seen.metadata.clientIp, seen.metadata.clientPort],
    log: summaries[0]?.client,
    list: values('x-forwarded-for'),
    elements: values('forwarded'),
    proto: values('x-forwarded-proto'),
    real: values('x-real-ip'),
  };
}

const FORGED = [
  'x-forwarded-for: 6.6.6.6',
  'forwarded: for=6.6.6.6;proto=https',
  'x-real-ip: 6.6.6.6',
  'x-forwarded-proto: https',
];

test.each([false, [] as string[], ['10.0.0.0/8']])(
  'forwarded headers of a peer that is not trusted are replaced: %j',
  async (trustForwarded) => {
    const got = await ask(FORGED, { trustForwarded });
    expect(got).toMatchObject({ log: '127.0.0.1', list: ['127.0.0.1'], elements: [], proto: ['http'], real: [] });
    expect((got['agent'] as unknown[])[0]).toBe('127.0.0.1');
  },
);

test.each<[string, readonly string[], [string, number]]>([
  ['one client', ['x-forwarded-for: 1.1.1.1'], ['1.1.1.1', 0]],
  ['what the client itself wrote does not count', ['x-forwarded-for: 6.6.6.6, 1.1.1.1'], ['1.1.1.1', 0]],
  ['trusted hops are passed over', ['x-forwarded-for: 6.6.6.6, 1.1.1.1, 10.1.2.3, 10.0.0.2'], ['1.1.1.1', 0]],
  ['several lines are one list', ['x-forwarded-for: 1.1.1.1', 'x-forwarded-for: 10.0.0.2'], ['1.1.1.1', 0]],
  ['empty entries are none', ['x-forwarded-for: 1.1.1.1, ,10.0.0.2,,'], ['1.1.1.1', 0]],
  ['only proxies: the first of them', ['x-forwarded-for: 10.0.0.3, 10.0.0.2'], ['10.0.0.3', 0]],
  ['a port', ['x-forwarded-for: 1.1.1.1:4711'], ['1.1.1.1', 4_711]],
  ['IPv6', ['x-forwarded-for: 2001:db8::7, fd00::1'], ['2001:db8::7', 0]],
  ['IPv6 in brackets, with a port', ['x-forwarded-for: [2001:db8::7]:99, [2001:db8::1]'], ['2001:db8::7', 99]],
  ['IPv6 with a zone', ['x-forwarded-for: fe80::7%eth0'], ['fe80::7', 0]],
  ['an IPv4 address in the words of IPv6', ['x-forwarded-for: [0:0:0:0:0:FFFF:0707:0707]:80'], ['7.7.7.7', 80]],
  ['a mapped IPv4 address', ['x-forwarded-for: 1.1.1.1, ::ffff:10.0.0.1'], ['1.1.1.1', 0]],
  [
    'unknown ends the chain at the proxy that wrote it',
    ['x-forwarded-for: 1.1.1.1, unknown, 10.0.0.2'],
    ['10.0.0.2', 0],
  ],
  ['a hidden name too', ['x-forwarded-for: 1.1.1.1, _hidden, 10.0.0.2'], ['10.0.0.2', 0]],
  ['what is no address too', ['x-forwarded-for: 1.1.1.1, 999.1.1.1, 10.0.0.2'], ['10.0.0.2', 0]],
  [
    'Forwarded',
    ['forwarded: for=6.6.6.6, For="[2001:db8::7]:99";proto=https;by=_x, for=10.0.0.2'],
    ['2001:db8::7', 99],
  ],
  ['Forwarded with commas in quotes', ['forwarded: for=1.1.1.1;host="a, for=6.6.6.6"'], ['1.1.1.1', 0]],
  ['Forwarded without for', ['forwarded: for=1.1.1.1, proto=https, for=10.0.0.2'], ['10.0.0.2', 0]],
  ['Forwarded in several lines', ['forwarded: for=1.1.1.1', 'forwarded: for=10.0.0.2'], ['1.1.1.1', 0]],
  ['x-forwarded-for wins over Forwarded', ['forwarded: for=2.2.2.2', 'x-forwarded-for: 1.1.1.1'], ['1.1.1.1', 0]],
])('the client behind trusted proxies: %s', async (_what, lines, agent) => {
  expect(await ask(lines, { trustForwarded: PROXIES })).toMatchObject({ agent, log: agent[0] });
});

test('a malformed Forwarded has no addresses: the client is the proxy', async () => {
  const { agent, log } = await ask(['forwarded: for="1.1.1.1'], { trustForwarded: PROXIES });
  expect([(agent as unknown[])[0], log]).toEqual(['127.0.0.1', '127.0.0.1']);
});

test('true trusts the peer and nothing behind it', async () => {
  expect(await ask(['x-forwarded-for: 6.6.6.6, 10.0.0.2'], { trustForwarded: true })).toMatchObject({
    agent: ['10.0.0.2', 0],
    list: ['6.6.6.6, 10.0.0.2, 127.0.0.1'],
  });
});

test('the gateway adds itself to what a trusted proxy sent', async () => {
  expect(await ask(['forwarded: for=1.1.1.1;proto=https'], { trustForwarded: PROXIES })).toMatchObject({
    list: ['127.0.0.1'],
    elements: ['for=1.1.1.1;proto=https', 'for=127.0.0.1;proto=http'],
  });
});

test('thousands of entries are followed for 64 hops', async () => {
  const entries = Array.from({ length: 1_500 }, (_one, at) => `10.0.${at >> 8}.${at & 255}`);
  const { agent } = await ask([`x-forwarded-for: ${entries.join(',')}`], {
    trustForwarded: PROXIES,
    maxHeadBytes: 65_536,
  });
  expect((agent as unknown[])[0]).toBe(entries.at(-64));
});

test.each<[unknown, string]>([
  [
    '10.0.0.0/8',
    'trustForwarded must be true, false or a list of IP ranges, such as [\'10.0.0.0/8\'], got "10.0.0.0/8" (string)',
  ],
  [['10.0.0.0/33'], 'trustForwarded[0] must be an IP address or ADDRESS/BITS, got "10.0.0.0/33"'],
  [['::1/129'], 'trustForwarded[0] must be an IP address or ADDRESS/BITS, got "::1/129"'],
  [['::1', 'proxy.test'], 'trustForwarded[1] must be an IP address or ADDRESS/BITS, got "proxy.test"'],
])('%j is refused', async (trustForwarded, message) => {
  await expect(setup({}, { trustForwarded } as never)).rejects.toThrow(message);
});

test('no headers make the walk throw, and the client is an entry or the peer', () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('unknown', '_x', '', '10.0.0.1', '"', ',', ';for=', '%'),
  );
  const line = fc.tuple(fc.constantFrom('x-forwarded-for', 'Forwarded', 'x'), fc.oneof(fc.string(), address));
  const peer = { address: '127.0.0.1', port: 7 };
  const list = new AddressList(PROXIES);
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const client = forwardedClient(lines.flat(), peer, (hop) => list.has(hop));
      if (client !== peer) expect(hopOf(client.address ?? '')).toEqual({ address: client.address, port: 0 });
    }),
  );
});

test('a chain of addresses is walked as a plain loop would', () => {
  const list = new AddressList(PROXIES);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.ipV4(), fc.constant('10.0.0.1')), { maxLength: 60 }),
      fc.nat(3),
      (chain, lines) => {
        const peer = { address: '127.0.0.1', port: 7 };
        const size = Math.max(1, Math.ceil(chain.length / (lines + 1)));
        const headers: string[] = [];
        const elements: string[] = [];
        for (let at = 0; at < chain.length; at += size) {
          headers.push('X-Forwarded-For', chain.slice(at, at + size).join(', '));
          elements.push(
            'forwarded',
            chain
              .slice(at, at + size)
              .map((one) => `for="${one}:1"`)
              .join(' , '),
          );
        }
        const last = chain.findLastIndex((one) => !list.has(one));
        const expected = chain.length === 0 ? '127.0.0.1' : chain[Math.max(0, last)];
        for (const each of [headers, elements])
          expect(forwardedClient(each, peer, (hop) => list.has(hop)).address).toBe(expected);
      },
    ),
  );
});
