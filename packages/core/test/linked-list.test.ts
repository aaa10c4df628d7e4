import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkedList, type ListEntry } from '../src/linked-list.ts';

test('has the values of a model in their order, through any appends, removals and iterations', () => {
  const command = fc.oneof(
    fc.record({ type: fc.constant('append' as const) }),
    fc.record({ type: fc.constant('remove' as const), at: fc.nat(30) }),
  );
  // commands by the number of values that an iteration has had
  const plan = fc.array(fc.record({ after: fc.nat(12), command }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), plan, (before, during) => {
      const list = new LinkedList<number>();
      const model = new Set<number>();
      const entries: ListEntry<number>[] = [];
      const run = (one: typeof command extends fc.Arbitrary<infer C> ? C : never): void => {
        if (one.type === 'append') {
          model.add(entries.length);
          entries.push(list.append(entries.length));
          return;
        }
        const entry = entries[one.at];
        if (entry !== undefined) expect(list.remove(entry)).toBe(model.delete(entry.value));
      };
      for (const one of before) run(one);
      const [seen, expected]: number[][] = [[], []];
      const ofModel = model.values();
      for (const value of list) {
        seen?.push(value);
        expected?.push(ofModel.next().value as number);
        for (const { after, command: one } of during) if (after === seen?.length) run(one);
      }
      expect(seen).toEqual(expected);
      expect(ofModel.next().done).toBe(true);
      expect([...list]).toEqual([...model]);
      expect(list.size).toBe(model.size);
    }),
    { numRuns: 500 },
  );
});

test('iterations inside another one, and one that is left early, disturb none', () => {
  const list = new LinkedList<number>();
  const entries = [1, 2, 3, 4].map((value) => list.append(value));
  const seen: number[][] = [];
  for (const outer of list) {
    for (const inner of list) {
      seen.push([outer, inner]);
      if (inner === 2) break;
    }
    const third = entries[2];
    if (outer === 2 && third !== undefined) list.remove(third);
  }
  expect(seen).toEqual(
    [1, 2, 4].flatMap((outer) => [
      [outer, 1],
      [outer, 2],
    ]),
  );
});

test('an entry is removed from its own list only, and once', () => {
  const [one, other] = [new LinkedList<string>(), new LinkedList<string>()];
  const entry = one.append('a');
  expect(other.remove(entry)).toBe(false);
  expect(one.remove(entry)).toBe(true);
  expect(one.remove(entry)).toBe(false);
  // a removed entry in the old generation would keep all later ones
  expect(entry).toMatchObject({ list: undefined, before: undefined, after: undefined });
});
