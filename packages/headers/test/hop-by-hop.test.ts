import { expect, it } from 'vitest';

import { HOP_BY_HOP_NAMES, isHopByHop, isValidHeaderName, stripHopByHop } from '../src/index.ts';

it('knows the names in any case', () => {
  for (const name of HOP_BY_HOP_NAMES) {
    expect(isValidHeaderName(name)).toBe(true);
    expect(isHopByHop(name.toUpperCase())).toBe(true);
  }
  expect(isHopByHop('content-length')).toBe(false);
  expect(isHopByHop('te-x')).toBe(false);
});

it('strips them and what Connection names', () => {
  const list = ['Host', 'a', 'CONNECTION', 'close, X-Secret ,,', 'x-secret', 's', 'TE', 'trailers', 'X-Own', 'o'];
  const before = [...list];
  expect(stripHopByHop(list)).toEqual(['Host', 'a', 'X-Own', 'o']);
  expect(list).toEqual(before);
  expect(stripHopByHop(['x-late', '1', 'connection', 'x-late'])).toEqual([]);
});

it('gives a list without any back itself', () => {
  const list = ['Host', 'a', 'Accept', '*/*'];
  expect(stripHopByHop(list)).toBe(list);
});
