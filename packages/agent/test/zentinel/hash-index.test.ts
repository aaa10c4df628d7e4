import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HashIndex } from '../../src/zentinel/hash-index.ts';

const CAPACITY = 8;

type Step = { readonly do: 'add' | 'remove'; readonly hash: number };

describe('an index by hash', () => {
  test('finds what a list does, with collisions, wrap-around and removals', () => {
    // places 15, 0 and 1 of sixteen, with their neighbours
    const hash = fc.constantFrom(15, 31, -1, 0, 16, 32, 1, 17, 14, 2, -2_147_483_648, 2_147_483_647);
    const step: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom('add', 'remove'), hash });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const index = new HashIndex(CAPACITY);
        let model: { readonly hash: number; readonly row: number }[] = [];
        for (const [row, one] of steps.entries()) {
          const known = model.find((entry) => entry.hash === one.hash);
          if (one.do === 'remove' && known !== undefined) {
            index.remove(known.hash, known.row);
            model = model.filter((entry) => entry !== known);
          } else if (one.do === 'add' && model.length < CAPACITY) {
            expect(index.add(one.hash, row)).toBe(true);
            model.push({ hash: one.hash, row });
          }
          for (const { hash: each } of [...model, one]) {
            const rows = model.flatMap((entry) => (entry.hash === each ? [entry.row] : []));
            expect(index.findAll(each).toSorted((a, b) => a - b)).toEqual(rows);
            expect(index.find(each) >= 0 ? rows.includes(index.find(each)) : rows.length === 0).toBe(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('refuses a hash with a long probe sequence, so that no search of chosen ids grows long', () => {
    const index = new HashIndex(1024);
    const added = Array.from({ length: 100 }, (_, row) => index.add(row * 2048, row)).filter(Boolean);
    expect(added.length).toBe(33);
    expect(index.add(1000, 100)).toBe(true);
  });
});
