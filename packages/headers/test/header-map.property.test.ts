import fc from 'fast-check';
import { expect, test } from 'vitest';

import { HeaderMap, isValidHeaderValue } from '../src/index.ts';

const name = fc.constantFrom('Host', 'host', 'Set-Cookie', 'set-cookie', 'Cookie', 'cookie', 'X-a', 'x-A', '__proto__');
/** `Headers` trims values, so that the comparison needs trimmed ones. */
const value = fc
  .string({ unit: fc.nat({ max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 6 })
  .map((text) => text.replaceAll(/^[\t ]+|[\t ]+$/g, ''))
  .filter(isValidHeaderValue);
const step = fc.record({ kind: fc.constantFrom('set', 'append', 'delete', 'read'), name, value });
const lines = fc.array(fc.tuple(name, value), { maxLength: 8 });

test('behaves like Headers, step by step', () => {
  fc.assert(
    fc.property(lines, fc.array(step, { maxLength: 12 }), (start, steps) => {
      const ours = new HeaderMap(start.flat());
      const theirs = new Headers(start);
      for (const { kind, name: which, value: what } of steps) {
        if (kind === 'set') {
          ours.set(which, what);
          theirs.set(which, what);
        } else if (kind === 'append') {
          ours.append(which, what);
          theirs.append(which, what);
        } else if (kind === 'delete') {
          expect(ours.delete(which)).toBe(theirs.has(which));
          theirs.delete(which);
        }
        expect(ours.get(which) ?? null).toBe(theirs.get(which));
        expect(ours.has(which)).toBe(theirs.has(which));
      }
      expect(ours.getAll('set-cookie')).toEqual(theirs.getSetCookie());
      expect([...ours.toHeaders()]).toEqual([...theirs]);
    }),
    { numRuns: 500 },
  );
});

test('reads a list, the object of it and the map of that alike', () => {
  fc.assert(
    fc.property(lines, (pairs) => {
      const list = new HeaderMap(pairs.flat());
      const object = new HeaderMap(list.toObject());
      for (const one of new Set(pairs.map(([which]) => which))) {
        expect(object.getAll(one)).toEqual(list.getAll(one));
        expect(object.get(one)).toBe(list.get(one));
        expect(object.has(one)).toBe(true);
      }
      expect(object.size).toBe(list.size);
      expect(object.get('not-there')).toBeUndefined();
      expect(new HeaderMap(object.toRaw()).toObject()).toEqual(list.toObject());
    }),
  );
});

test('keeps order and spelling of every line', () => {
  fc.assert(
    fc.property(lines, (pairs) => {
      const appended = new HeaderMap();
      for (const [which, what] of pairs) appended.append(which, what);
      expect(appended.toRaw()).toEqual(pairs.flat());
      expect([...appended]).toEqual(pairs.map(([which, what]) => [which.toLowerCase(), what]));
    }),
  );
});
