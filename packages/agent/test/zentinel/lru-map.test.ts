import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LruMap } from '../../src/zentinel/lru-map.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(
  fc.record({ do: fc.constantFrom('set' as const, 'delete' as const), key }),
  fc.record({ do: fc.constantFrom('look' as const, 'delete oldest' as const), key }),
);

test('has the least recently set entry at hand, whatever happens between two accesses', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new LruMap<number>();
      let model: [string, number][] = [];
      for (const [number, one] of steps.entries()) {
        const gone = one.do === 'delete oldest' ? (model[0]?.[0] ?? one.key) : one.key;
        if (one.do !== 'look') model = model.filter(([known]) => known !== gone);
        if (one.do === 'set') {
          map.set(one.key, number);
          model.push([one.key, number]);
        } else if (one.do === 'look') expect(map.oldest).toEqual(model[0]);
        else map.delete(gone);
        expect([map.size, map.get(one.key), map.has(one.key)]).toEqual([
          model.length,
          model.find(([known]) => known === one.key)?.[1],
          model.some(([known]) => known === one.key),
        ]);
      }
      expect(map.oldest).toEqual(model[0]);
    }),
  );
});
