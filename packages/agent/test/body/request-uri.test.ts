import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestPath, requestQuery } from '../../src/body/request-uri.ts';
import type { PathOptions } from '../../src/define/path-options.ts';
import { allow, type IncomingRequest } from '../../src/index.ts';
import { head } from '../events.ts';
import { start } from '../runtime/start.ts';

const REFUSED = expect.objectContaining({ code: 'ERR_AMBIGUOUS_URI' });

describe('the path of a request', () => {
  test.each<[string, string, PathOptions?]>([
    ['/', '/'],
    ['/a/b?c=d', '/a/b'],
    ['/%61dmin', '/admin'],
    ['/a%7Eb%2dc', '/a~b-c'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a%20b', '/a%20b'],
    ['/admin;x=1/users;y', '/admin/users'],
    ['//admin', '/admin'],
    ['/a///b/', '/a/b/'],
    ['/a/;x/b', '/a/b'],
    ['//a//b', '//a//b', { duplicateSlashes: 'keep' }],
    ['/.well-known/x', '/.well-known/x'],
    ['/a..b/...', '/a..b/...'],
    ['*', '*'],
    ['http://example.test/a?b', '/a'],
    ['HTTPS://example.test', '/'],
    ['http://example.test?b', '/'],
    ['/x/../a', '/a', { dotSegments: 'resolve' }],
    ['/x/%2e%2E/a/./b', '/a/b', { dotSegments: 'resolve' }],
    ['/../../a', '/a', { dotSegments: 'resolve' }],
    ['/a/b/..', '/a/', { dotSegments: 'resolve' }],
    ['/a/..', '/', { dotSegments: 'resolve' }],
    ['/a/.', '/a/', { dotSegments: 'resolve' }],
  ])('%s is %s', (uri, path, options = {}) => {
    expect(requestPath(uri, options)).toBe(path);
  });

  test.each<[string, PathOptions?]>([
    ['/x/../a'],
    ['/x/./a'],
    ['/x/%2e%2e/a'],
    ['/..'],
    ['/x/..;/a'],
    ['/x/..;/a', { dotSegments: 'resolve' }],
    ['/x//../a', { dotSegments: 'resolve' }],
    ['/x//../a', { dotSegments: 'resolve', duplicateSlashes: 'keep' }],
    ['//a', { duplicateSlashes: 'refuse' }],
    ['/a%2fb'],
    ['/a/%2e%2e%2fb', { dotSegments: 'resolve' }],
    ['/a%5Cb'],
    ['/a\\b'],
    ['/a%00'],
    ['/a%'],
    ['/a%zz'],
    ['/a%ff'],
    ['/a%c0%ae'],
    ['/a#b'],
    ['/a b'],
    ['/a\tb'],
    [''],
    ['a/b'],
    ['example.test:443'],
    ['ftp://example.test/a'],
    ['?a'],
  ])('%s is refused', (uri, options = {}) => {
    expect(() => requestPath(uri, options)).toThrow(REFUSED);
  });

  const piece = fc.constantFrom(
    '/',
    'a',
    '.',
    '..',
    ';',
    ';x',
    '%2e',
    '%2f',
    '%61',
    '%',
    '%c3%a9',
    '%00',
    '\\',
    'admin',
    '~',
  );
  const anyPath = fc.array(piece, { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
  const anyOptions = fc.record<PathOptions>({
    dotSegments: fc.constantFrom('refuse', 'resolve'),
    duplicateSlashes: fc.constantFrom('merge', 'keep', 'refuse'),
  });

  test('is one that is its own path, and has no other spelling of a letter, or it is refused', () => {
    fc.assert(
      fc.property(anyPath, anyOptions, (uri, options) => {
        let path: string;
        try {
          path = requestPath(uri, options);
        } catch (error) {
          expect(error).toEqual(REFUSED);
          return;
        }
        expect(requestPath(path, options)).toBe(path);
        expect(path).not.toMatch(/\/\.{1,2}(?:\/|$)|%2e|%61|;|\\/i);
        if (options.duplicateSlashes !== 'keep') expect(path).not.toContain('//');
        // the path that a client of the web would ask for
        if (!path.includes('//') && !/[/;]{2}|;/.test(uri))
          expect(path).toBe(
            new URL(`http://h${uri}`).pathname
              .replaceAll('%61', 'a')
              .replaceAll('%2e', '.')
              .replaceAll('%c3%a9', '%C3%A9'),
          );
      }),
    );
  });
});

describe('the query of a request', () => {
  test('has its parameters, and is refused where it cannot be decoded', () => {
    expect([...requestQuery('/a?b=c+d&e=%C3%A9')]).toEqual([
      ['b', 'c d'],
      ['e', 'é'],
    ]);
    expect([...requestQuery('/a')]).toEqual([]);
    for (const uri of ['/?a=%', '/?a=%zz', '/?a=%ff']) expect(() => requestQuery(uri)).toThrow(REFUSED);
  });
});

describe('a handler', () => {
  const decide = (read: (request: IncomingRequest) => unknown, uri: string, paths?: PathOptions): unknown => {
    const at = start({ paths, onRequestHeaders: (request) => allow().withTag(String(read(request))) }).connect();
    at.receive(head(1, { uri, hasBody: false }));
    return at.answers[0];
  };

  test('that reads a path or query which cannot be decided on blocks with 400, whatever its failure policy', () => {
    const blocked = {
      verdict: { type: 'block', status: 400 },
      audit: { reasonCodes: ['agentwire:ERR_AMBIGUOUS_URI'] },
    };
    expect(decide(({ path }) => path, '/x/../admin')).toMatchObject(blocked);
    expect(decide(({ query }) => query, '/x?a=%')).toMatchObject(blocked);
    expect(decide(({ uri }) => uri, '/x/../admin')).toMatchObject({ audit: { tags: ['/x/../admin'] } });
  });

  test('has the path that the options of its agent ask for, which are checked', () => {
    const resolved = decide(({ path }) => path, '/x/../%61dmin', { dotSegments: 'resolve' });
    expect(resolved).toMatchObject({ audit: { tags: ['/admin'] } });
    expect(() => decide(({ path }) => path, '/', { dotSegments: 'keep' } as never)).toThrow(/dotSegments must be/);
    expect(() => decide(({ path }) => path, '/', { slashes: 'keep' } as never)).toThrow(/slashes/);
  });
});
