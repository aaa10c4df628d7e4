import { readFileSync } from 'node:fs';
import { AgentwireError } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { CASES } from './cases.ts';
import type { LifecycleCase, Subject } from './lifecycle-case.ts';
import { PAGE, pageWith } from './page.ts';

/** For each state that can be reached, the shortest list of events that leads there. */
function pathsOf({ lifecycle }: LifecycleCase): Map<string, readonly string[]> {
  const [first = ''] = Object.keys(lifecycle);
  const paths = new Map<string, readonly string[]>([[first, []]]);
  // a map is walked in the order of insertion, and what is added meanwhile is walked too
  for (const [state, path] of paths) {
    for (const [event, target] of Object.entries(lifecycle[state] ?? {}))
      if (!paths.has(target)) paths.set(target, [...path, event]);
  }
  return paths;
}

/** Lets something happen; a class may refuse what its state does not allow with a typed error. */
async function fire(subject: Subject, event: string): Promise<void> {
  try {
    await subject.events[event]?.();
  } catch (error) {
    if (!(error instanceof AgentwireError)) throw error;
  }
}

describe.each(CASES)('$name', (one) => {
  const paths = pathsOf(one);
  const events = [...new Set(Object.values(one.lifecycle).flatMap((leads) => Object.keys(leads)))];

  test('every state can be reached, and every event can be caused', async () => {
    expect([...paths.keys()].toSorted()).toEqual(Object.keys(one.lifecycle).toSorted());
    expect(Object.keys((await one.create()).events).toSorted()).toEqual(events.toSorted());
  });

  test.each([...paths].flatMap(([state, path]) => events.map((event) => ({ state, path, event }))))(
    '$event in state $state',
    async ({ state, path, event }) => {
      const subject = await one.create();
      for (const step of path) await fire(subject, step);
      expect(subject.state()).toBe(state);
      await fire(subject, event);
      expect(subject.state()).toBe(one.lifecycle[state]?.[event] ?? state);
    },
  );
});

test('the page has the diagrams of the code', () => {
  const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), 'utf8');
  expect(page).toBe(pageWith(page, CASES));
});
