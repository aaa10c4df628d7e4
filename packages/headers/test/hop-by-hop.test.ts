import { expect, test } from 'vitest';

import { HOP_BY_HOP_NAMES, isHopByHop, isValidHeaderName, nominatedNames, stripHopByHop } from '../src/index.ts';

test('knows the names in any case', () => {
  for (const name of HOP_BY_HOP_NAMES) {
    expect(isValidHeaderName(name)).toBe(true);
    expect(isHopByHop(name.toUpperCase())).toBe(true);
  }
  expect(isHopByHop('content-length')).toBe(false);
  expect(isHopByHop('te-x')).toBe(false);
});

test('strips them and what Connection names', () => {
  const list = ['Host', 'a', 'CONNECTION', 'close, X-Secret ,,', 'x-secret', 's', 'TE', 'trailers', 'X-Own', 'o'];
  const before = [...list];
  expect(stripHopByHop(list)).toEqual(['Host', 'a', 'X-Own', 'o']);
  expect(list).toEqual(before);
  expect(stripHopByHop(['x-late', '1', 'connection', 'x-late'])).toEqual([]);
});

test('returns a list without any itself', () => {
  const list = ['Host', 'a', 'Accept', '*/*'];
  expect(stripHopByHop(list)).toBe(list);
});

test('never removes host and content-length, whatever Connection nominates', () => {
  const list = ['host', 'a', 'content-length', '4', 'cookie', 'c', 'connection', 'Host, Content-Length, Cookie'];
  expect(stripHopByHop(list)).toEqual(['host', 'a', 'content-length', '4']);
  expect(nominatedNames(['host', 'a'])).toBeUndefined();
  expect([...(nominatedNames(list) ?? [])]).toEqual(['cookie']);
});

test('takes time per line and per token, not per pair', () => {
  const count = 200_000;
  const list = ['connection', Array.from({ length: count }, (_, at) => `n${at}`).join(',')];
  for (let at = 0; at < count; at += 1) list.push(`m${at}`, '');
  expect(stripHopByHop(list)).toHaveLength(2 * count);
});
