import type { RequestHeaders } from '@agentwire/core';

/** Number of different requests. */
const WORKLOAD_SIZE: number = 1024;

const PATHS = [
  '/api/v2/accounts/',
  '/api/v2/invoices/',
  '/assets/main.',
  '/find?term=',
  '/v3/products/',
  '/basket/',
  '/status?seq=',
];
const BROWSERS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15',
  'curl/8.11.0',
  'Go-http-client/2.0',
];
const OPTIONAL: readonly [name: string, value: (hex: Hex) => string][] = [
  ['accept-language', () => 'en-GB,en;q=0.8'],
  ['content-type', () => 'application/json'],
  ['authorization', (hex) => `Bearer ${hex(16)}`],
  ['cookie', (hex) => `session=${hex(16)}`],
  ['cache-control', () => 'max-age=0'],
  ['if-none-match', (hex) => `"${hex(16)}"`],
  ['origin', () => 'https://shop.example.test'],
  ['x-tenant', (hex) => `tenant-${hex(4)}`],
  ['sec-fetch-site', () => 'same-origin'],
  ['priority', () => 'u=1, i'],
];

type Hex = (length: number) => string;

/** Reproducible random numbers (a linear congruential generator), so that runs compare. */
function numbers(): (below: number) => number {
  let state = 20_250_101;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * The requests that every bench sends: metadata with ten texts, method, uri, 12 headers of which 5 differ from request to
 * request, about 860 bytes as JSON.
 */
export function createWorkload(): Omit<RequestHeaders, 'id'>[] {
  const next = numbers();
  const hex: Hex = (length) => Array.from({ length }, () => next(16).toString(16)).join('');
  const uuid = (): string => [8, 4, 4, 4, 12].map(hex).join('-');
  const two = (below: number): string => String(10 + next(below - 10));
  const optionalHeaders = (): string[] => {
    const list: string[] = [];
    let missing = 5;
    for (const [at, [name, value]] of OPTIONAL.entries()) {
      if (next(OPTIONAL.length - at) >= missing) continue;
      list.push(name, value(hex));
      missing -= 1;
    }
    return list;
  };
  return Array.from({ length: WORKLOAD_SIZE }, () => ({
    type: 'requestHeaders',
    metadata: {
      correlationId: uuid(),
      requestId: uuid(),
      clientIp: `203.0.113.${next(256)}`,
      clientPort: 1024 + next(60_000),
      serverName: 'shop.example.test',
      protocol: 'HTTP/1.1',
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_128_GCM_SHA256',
      routeId: 'api-main',
      upstreamId: 'backend-pool',
      timestamp: `2025-06-01T12:${two(60)}:${two(60)}.${100 + next(900)}Z`,
    },
    method: next(4) === 0 ? 'POST' : 'GET',
    uri: (PATHS[next(PATHS.length)] ?? '/') + hex(12),
    headers: [
      'host',
      'shop.example.test',
      'user-agent',
      BROWSERS[next(BROWSERS.length)] ?? '',
      'accept',
      'application/json',
      'accept-encoding',
      'gzip, br',
      'x-forwarded-for',
      `198.51.100.${next(256)}`,
      'x-request-id',
      hex(16),
      'connection',
      'keep-alive',
      ...optionalHeaders(),
    ],
    hasBody: false,
  }));
}
