import type { Decision, RequestHeaders, RequestId } from '@agentwire/core';

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15',
  'curl/8.5.0',
  'okhttp/4.12.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0',
];
const PATHS = ['/api/v1/users/', '/api/v1/orders/', '/static/js/app.', '/search?q=', '/v2/items/', '/checkout/cart/'];

/** A source of numbers that is the same in every run. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to `below` − 1. */
  roll(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * below);
  }

  hex(length: number): string {
    return Array.from({ length }, () => '0123456789abcdef'.charAt(this.roll(16))).join('');
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)] as T;
  }
}

/** Twelve headers, seven that are always there and five of eleven others; half of the sets hold a quoted ETag. */
function headersOf(dice: Dice): string[] {
  const always = [
    ['host', 'www.example.com'],
    ['user-agent', dice.pick(AGENTS)],
    ['accept', 'application/json'],
    ['accept-encoding', 'gzip, br'],
    ['x-forwarded-for', `198.51.100.${dice.roll(256)}`],
    ['x-request-id', dice.hex(16)],
    ['connection', 'keep-alive'],
  ];
  const others = [
    ['accept-language', 'en-US,en;q=0.9'],
    ['content-type', 'application/json'],
    ['authorization', `Bearer ${dice.hex(16)}`],
    ['cookie', `sid=${dice.hex(16)}`],
    ['x-api-version', '2'],
    ['cache-control', 'no-cache'],
    ['if-none-match', `"${dice.hex(16)}"`],
    ['sec-fetch-mode', 'cors'],
    ['dnt', '1'],
    ['origin', 'https://example.com'],
    ['x-tenant', `tenant-${dice.roll(1000)}`],
  ];
  while (others.length > 5) others.splice(dice.roll(others.length), 1);
  return [...always, ...others].flat();
}

/** One request of the workload that all figures are taken with. */
export function requestOf(dice: Dice, id: RequestId): RequestHeaders {
  const correlationId = typeof id === 'string' ? id : `${dice.hex(8)}-${dice.hex(4)}-${dice.hex(4)}-${dice.hex(12)}`;
  return {
    type: 'requestHeaders',
    id,
    metadata: {
      correlationId,
      requestId: dice.hex(32),
      clientIp: `203.0.${dice.roll(256)}.${dice.roll(256)}`,
      clientPort: 1024 + dice.roll(60_000),
      serverName: 'www.example.com',
      protocol: 'HTTP/1.1',
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_128_GCM_SHA256',
      routeId: 'api-main',
      upstreamId: 'backend-pool',
      timestamp: `2026-01-15T10:${10 + dice.roll(50)}:${10 + dice.roll(50)}.${100 + dice.roll(900)}Z`,
    },
    method: dice.pick(['GET', 'GET', 'GET', 'POST']),
    uri: dice.pick(PATHS) + dice.hex(12),
    headers: headersOf(dice),
    hasBody: false,
  };
}

/** An allow with one header operation and one tag. */
export function decisionOf(tag: string): Decision {
  return {
    verdict: { type: 'allow' },
    requestHeaders: [{ op: 'set', name: 'x-waf', value: 'pass' }],
    audit: { tags: [tag] },
  };
}
