import { createManualClock } from '@agentwire/core/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { StickySessions } from '../../src/agent/sticky-sessions.ts';
import { RUNS } from '../runs.ts';

const TIMEOUT_MS = 100;
const MAX = 3;
const IDS = ['a', 'b', 'c', 'd', '__proto__'];

test('agrees with a model over any sequence of commands', () => {
  const id = fc.constantFrom(...IDS);
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('open' as const), id }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('refresh' as const), id }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), id }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), id }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), id, ms: fc.nat(TIMEOUT_MS) }) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const clock = createManualClock();
      const sessions = new StickySessions(clock, MAX, TIMEOUT_MS);
      const model = new Map<string, number>();
      for (const one of commands) {
        if (one.do === 'wait') clock.advance(one.ms);
        for (const [known, expiresAt] of model) if (clock.now() >= expiresAt) model.delete(known);
        const open = model.has(one.id);
        if (one.do === 'open') {
          if (open || model.size < MAX) {
            expect(sessions.open(one.id).id).toBe(one.id);
            model.set(one.id, clock.now() + TIMEOUT_MS);
          } else expect(() => sessions.open(one.id)).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
        } else if (one.do === 'refresh') {
          expect(sessions.refresh(one.id)).toBe(open);
          if (open) model.set(one.id, clock.now() + TIMEOUT_MS);
        } else if (one.do === 'clear') {
          expect(sessions.clear(one.id)).toBe(open);
          model.delete(one.id);
        } else if (one.do === 'sweep') sessions.sweep();
        // one comparison, because `expect` costs more than all the rest
        const found = IDS.filter((known) => sessions.has(known)).join() + sessions.size;
        if (found !== IDS.filter((known) => model.has(known)).join() + model.size) expect.fail(`${found} are open`);
      }
    }),
    { numRuns: RUNS },
  );
});
