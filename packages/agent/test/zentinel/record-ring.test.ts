import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { RECORD, RecordRing } from '../../src/zentinel/record-ring.ts';

const CAPACITY = 16;

type Step = { readonly add: number } | { readonly remove: number } | 'drop oldest';

/** Few hashes, many of which have the same place in an index of 32. */
const hash = fc.constantFrom(0, 16, 32, -16, 1, 17, 5, -2_147_483_648, 2_147_483_647);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ add: hash }),
  fc.record({ remove: hash }),
  fc.constant<Step>('drop oldest'),
);

describe('a ring of records', () => {
  test('finds, removes and orders what a plain list does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new RecordRing(CAPACITY);
        let model: { readonly hash: number; readonly time: number }[] = [];
        for (const [time, one] of steps.entries()) {
          if (one === 'drop oldest') {
            const row = ring.oldest;
            expect(row >= 0).toBe(model.length > 0);
            if (row >= 0) ring.remove(row);
            model = model.slice(1);
          } else if ('add' in one) {
            if (ring.isFull) continue;
            const row = ring.add(one.add, time);
            ring.set(row, RECORD.offset, time);
            model.push({ hash: one.add, time });
          } else {
            const row = ring.find(one.remove);
            const times = model.flatMap((entry) => (entry.hash === one.remove ? [entry.time] : []));
            expect(
              ring
                .findAll(one.remove)
                .map((each) => ring.timeOf(each))
                .toSorted((a, b) => a - b),
            ).toEqual(times);
            expect(row >= 0).toBe(times.length > 0);
            if (row < 0) continue;
            const cameAt = ring.timeOf(row);
            ring.remove(row);
            model = model.filter((entry) => entry.time !== cameAt);
          }
          expect(ring.size).toBe(model.length);
          expect([...ring.rows()].map((row) => ring.get(row, RECORD.offset))).toEqual(model.map((known) => known.time));
        }
      }),
    );
  });

  test('is full when its oldest record is a whole round behind, and free again when that is removed', () => {
    const ring = new RecordRing(CAPACITY);
    const first = ring.add(-1, 0);
    for (let i = 0; i < CAPACITY - 1; i++) ring.remove(ring.add(i, i));
    expect([ring.size, ring.isFull]).toEqual([1, true]);
    ring.remove(first);
    expect([ring.size, ring.isFull, ring.oldest]).toEqual([0, false, -1]);
  });
});
