import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RoutedRequest, Router } from '../src/routes/router.ts';
import type { RouteOptions } from '../src/routes/route-options.ts';

const router = (routes: readonly RouteOptions[]): Router<number> =>
  new Router(routes.map((options, value) => ({ options, value })));
const get = (path: string, more: Partial<RoutedRequest> = {}): RoutedRequest => ({
  method: 'GET',
  path,
  host: undefined,
  lines: [],
  ...more,
});
const found = (routes: readonly RouteOptions[], request: RoutedRequest): number | undefined =>
  router(routes).find(request)?.value;

/** The same, one route after the other, by the words of the options' comments. */
function naive(routes: readonly RouteOptions[], { method, path, host, lines }: RoutedRequest): number | undefined {
  const [bare = ''] = path.split('?');
  const name = host?.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
  const matches = (route: RouteOptions): boolean => {
    const hosts = route.host === undefined ? undefined : [route.host].flat();
    const hostMatches =
      hosts === undefined ||
      (name !== undefined && hosts.some((one) => (one.startsWith('*.') ? name.endsWith(one.slice(1)) : one === name)));
    const pathMatches =
      (route.path === undefined || route.path === bare) &&
      (route.pathPrefix === undefined ||
        route.pathPrefix === '/' ||
        bare === route.pathPrefix ||
        bare.startsWith(`${route.pathPrefix}/`)) &&
      (route.pathRegex === undefined || new RegExp(`^(?:${route.pathRegex})$`).test(bare));
    const wanted = Object.entries(route.headers ?? {});
    const headersMatch = wanted.every(([header, value]) =>
      lines.some(
        (line, at) => at % 2 === 0 && line.toLowerCase() === header && (value === '*' || lines[at + 1] === value),
      ),
    );
    return hostMatches && pathMatches && (route.methods?.includes(method) ?? true) && headersMatch;
  };
  const at = routes.findIndex(matches);
  return at === -1 ? undefined : at;
}

const segment = fc.constantFrom('a', 'b', 'ab', 'api');
const anyPath = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const hostPattern = fc.constantFrom('a.test', 'b.a.test', '*.a.test', '*.b.a.test', '*.test', 'c.test');
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const route: fc.Arbitrary<RouteOptions> = fc
  .record({
    host: optional(fc.oneof(hostPattern, fc.array(hostPattern, { minLength: 1, maxLength: 2 }))),
    where: optional(
      fc.oneof(
        anyPath.map((value) => ({ path: value })),
        anyPath.map((value) => ({ pathPrefix: value })),
        fc.constantFrom('/a.*', '/(a|b)/.*', '/[^/]+', '.*').map((value) => ({ pathRegex: value })),
      ),
    ),
    methods: optional(fc.constantFrom(['GET'], ['POST'], ['GET', 'HEAD'])),
    headers: optional(fc.constantFrom({ 'x-a': '1' }, { 'x-a': '*' }, { 'x-b': '2', 'x-a': '1' })),
  })
  .map(({ where, ...rest }) => ({ ...rest, ...where }));
const request: fc.Arbitrary<RoutedRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'HEAD'),
  path: fc.tuple(anyPath, fc.constantFrom('', '?x=/a', '?')).map((parts) => parts.join('')),
  host: optional(
    fc.constantFrom('a.test', 'A.test:80', 'b.a.test', 'x.b.a.test.', 'x.a.test', 'c.test:8080', 'd.test', 'other'),
  ),
  lines: fc.constantFrom([], ['X-A', '1'], ['x-a', '2', 'X-B', '2'], ['x-b', '2', 'x-a', '1']),
});

describe('a router', () => {
  test('finds what a walk over the routes finds', () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 8 }), request, (routes, one) => {
        expect(found(routes, one)).toBe(naive(routes, one));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['/api', '/api', 0],
    ['/api', '/api/x', 0],
    ['/api', '/api?x', 0],
    ['/api', '/apix', undefined],
    ['/api', '/%61pi/x', 0],
    ['/api', '/%61%70%69', 0],
    ['/api', '/api;v=1/x', 0],
    ['/api/', '/api', undefined],
    ['/api/', '/api/x', 0],
    ['/', '/anything', 0],
    ['/a', '*', undefined],
  ])('pathPrefix %s and %s: %s', (pathPrefix, path, expected) => {
    expect(found([{ pathPrefix }], get(path))).toBe(expected);
  });

  test.each([
    ['/api', '/', '/api/x?y', '/x?y'],
    ['/api', '/', '/api', '/'],
    ['/api', '/', '/api?y', '/?y'],
    ['/api', '/v2', '/api/x', '/v2/x'],
    ['/api', '/v2/', '/api/x', '/v2/x'],
    ['/api', '/v2', '/api', '/v2'],
    ['/api', '/v2', '/%61pi/%2Bx;p/y', '/v2/%2Bx;p/y'],
    ['/a/b', '/', '/a/b;p/c', '/c'],
    ['/api/', '/', '/api/x', '/x'],
    ['/', '/v2', '/x', '/v2/x'],
    ['/', '/v2', '*', '*'],
  ])('pathPrefix %s replaced by %s: %s becomes %s', (pathPrefix, rewritePrefix, path, expected) => {
    expect(router([{ pathPrefix, rewritePrefix }]).find(get(path))?.path).toBe(expected);
  });

  test.each([
    '//x',
    '/a//b',
    '/a/../b',
    '/a/..',
    '/./a',
    '/a/%2e%2e/b',
    '/a/.%2E/b',
    '/a%2fb',
    '/a%5Cb',
    '/a\\b',
    '/a/..;x/b',
    '/;/a',
    '/;x=1/a',
    '/b/;/a',
    '/a%00',
  ])('refuses %s, whose meaning differs among servers, where routes match paths', (target) => {
    expect(router([{ pathPrefix: '/a' }]).isRefused(target)).toBe(true);
    expect(router([{ host: 'h' }]).isRefused(target)).toBe(false);
  });

  test.each([
    '/',
    '/a',
    '/a/b.c',
    '/...',
    '/a..b',
    '/.well-known/x',
    '/a?x=//',
    '/a?x=/../b',
    '/%20',
    '*',
    '/;x',
    '/a;x/b',
    '/a/;x',
  ])('does not refuse %s', (target) => {
    expect(router([{ pathPrefix: '/a' }]).isRefused(target)).toBe(false);
  });

  test('an expression takes linear time', () => {
    const evil = router([{ pathRegex: '/(a+)+b' }]);
    const before = performance.now();
    expect(evil.find(get(`/${'a'.repeat(8_000)}`))).toBeUndefined();
    // a backtracking engine would need 2^8000 steps
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('a header may have any name of the prototype', () => {
    expect(found([{ headers: { constructor: '*' } }], get('/'))).toBeUndefined();
  });
});
