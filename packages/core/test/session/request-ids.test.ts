import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestIds, SLOT_COUNT, slotOf } from '../../src/session/request-ids.ts';

const slots = fc.nat(SLOT_COUNT - 1);

test.each(['number', 'text'] as const)('an id of the kind %s gives its slot back', (kind) => {
  const ids = new RequestIds(kind);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 36 }), slots, (generation, slot) => {
      const id = ids.mint(generation, slot);
      expect(typeof id).toBe(kind === 'number' ? 'number' : 'string');
      expect(slotOf(id)).toBe(slot);
    }),
  );
});

test('no id comes twice on a connection, nor as text on another one', () => {
  const [one, other] = [new RequestIds('text'), new RequestIds('text')];
  const all = [one.mint(1, 11), one.mint(11, 1), one.mint(1, 1), other.mint(1, 11)];
  expect(new Set(all).size).toBe(all.length);
});

test('an id that no connection creates has no slot', () => {
  const thirdParty = ['abc', '7x', '', 'a-', 'a7', '-12345678901234567', 12n];
  expect(thirdParty.map(slotOf)).toEqual(thirdParty.map(() => -1));
});
