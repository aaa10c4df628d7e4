import type { HeaderOp } from '@agentwire/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { HOP_BY_HOP_NAMES, HeaderMap, applyHeaderOps } from '../src/index.ts';
import { thrownBy } from './thrown-by.ts';

const list: readonly string[] = Object.freeze(['Host', 'a', 'X-Own', '1', 'Accept', '*/*', 'x-own', '2']);
const fine: HeaderOp = { op: 'set', name: 'x-waf', value: 'pass' };

describe('applyHeaderOps', () => {
  test('sets, adds and removes in order', () => {
    const ops: HeaderOp[] = [
      { op: 'set', name: 'x-OWN', value: '3' },
      { op: 'add', name: 'X-Own', value: '4' },
      { op: 'remove', name: 'ACCEPT' },
      { op: 'remove', name: 'not-there' },
      fine,
    ];
    const expected = ['Host', 'a', 'x-OWN', '3', 'X-Own', '4', 'x-waf', 'pass'];
    expect(applyHeaderOps(list, ops)).toEqual(expected);
    const headers = new HeaderMap(list);
    expect(applyHeaderOps(headers, ops)).toBe(headers);
    expect(headers.toRaw()).toEqual(expected);
  });

  test.each(['X_Own', 'x.own', 'X-OWN', 'x!Own'])(
    'set and remove take %s out too: an upstream may read it as x-own',
    (twin) => {
      const lines = ['host', 'a', twin, 'client', 'xa-own', 'other', 'x-ownx', 'other'];
      const others = ['xa-own', 'other', 'x-ownx', 'other'];
      for (const source of [lines, new HeaderMap(lines)] as (readonly string[])[]) {
        const set = applyHeaderOps(source, [{ op: 'set', name: 'x-own', value: 'agent' }]);
        expect(new HeaderMap(set).toRaw()).toEqual(['host', 'a', 'x-own', 'agent', ...others]);
        const gone = applyHeaderOps(source, [{ op: 'remove', name: 'x-own' }]);
        expect(new HeaderMap(gone).toRaw()).toEqual(['host', 'a', ...others]);
      }
    },
  );

  test('has the same effect on a map and a list', () => {
    const name = fc.constantFrom('Host', 'x-own', 'X-OWN', 'accept', '__proto__');
    const op = fc.oneof(
      fc.record({ op: fc.constantFrom('set', 'add'), name, value: fc.constantFrom('', 'v', 'w') }),
      fc.record({ op: fc.constant('remove'), name }),
    ) as fc.Arbitrary<HeaderOp>;
    fc.assert(
      fc.property(fc.array(op, { maxLength: 8 }), (ops) => {
        expect(applyHeaderOps(new HeaderMap(list), ops).toRaw()).toEqual(applyHeaderOps(list, ops));
      }),
    );
  });

  test('copies nothing without operations', () => {
    expect(applyHeaderOps(list, [])).toBe(list);
  });

  test.each<HeaderOp>([
    { op: 'set', name: 'x', value: 'a\r\nb: c' },
    { op: 'add', name: 'x', value: 'a\nb' },
    { op: 'add', name: 'x', value: 'a\0' },
    { op: 'set', name: 'x\r\ny', value: 'a' },
    { op: 'remove', name: 'x y' },
    { op: 'remove', name: '' },
    { op: 'set', name: 'x' } as unknown as HeaderOp,
    { op: 'set', value: 'x' } as unknown as HeaderOp,
    ...HOP_BY_HOP_NAMES.flatMap((name): HeaderOp[] => [
      { op: 'set', name: name.toUpperCase(), value: 'a' },
      { op: 'add', name, value: 'a' },
      { op: 'remove', name },
    ]),
  ])('applies nothing when one operation is bad: %j', (bad) => {
    const headers = new HeaderMap(list);
    expect(thrownBy(() => applyHeaderOps(headers, [fine, bad])).code).toBe('ERR_INVALID_HEADER');
    expect(headers.toRaw()).toBe(list);
    expect(thrownBy(() => applyHeaderOps(list, [fine, bad, fine])).code).toBe('ERR_INVALID_HEADER');
  });

  test('refuses an unknown operation', () => {
    const bad = { op: 'rename', name: 'x', value: 'y' } as unknown as HeaderOp;
    const error = thrownBy(() => applyHeaderOps(list, [fine, bad]));
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.detail).toEqual({ index: 1 });
  });
});
