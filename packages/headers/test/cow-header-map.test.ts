import { expect, test } from 'vitest';

import { CowHeaderMap, HeaderMap, fromCowOptimized, internHeaderName, toCowOptimized } from '../src/index.ts';

test('is a HeaderMap with insert', () => {
  const headers = new CowHeaderMap().insert(internHeaderName('Content-Type'), ['application/json']);
  expect(headers).toBeInstanceOf(HeaderMap);
  expect(headers.get('content-type')).toBe('application/json');
});

test('converts to the standard object and back', () => {
  const standard = { Host: ['a'], 'X-Own': ['1', '2'] };
  const headers = toCowOptimized(standard);
  expect(headers).toBeInstanceOf(CowHeaderMap);
  expect(headers.getAll('x-own')).toEqual(['1', '2']);
  expect({ ...fromCowOptimized(headers) }).toEqual({ host: ['a'], 'x-own': ['1', '2'] });
  expect(fromCowOptimized(toCowOptimized(['__proto__', 'x']))['__proto__']).toEqual(['x']);
});
