import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ejection } from '../../src/agent/ejection.ts';
import { RUNS } from '../runs.ts';

const THRESHOLD = 3;
const TIME_MS = 100;

test('agrees with a model over any sequence of commands', () => {
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('outcome' as const), failed: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('eject' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(TIME_MS * 12) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const ejection = new Ejection({ threshold: THRESHOLD, timeMs: TIME_MS });
      let now = 0;
      let inRow = 0;
      let times = 0;
      let until = -Infinity;
      for (const one of commands) {
        if (one.do === 'wait') now += one.ms;
        else if (one.do === 'outcome') {
          inRow = one.failed ? inRow + 1 : 0;
          expect(ejection.record(one.failed)).toBe(inRow >= THRESHOLD);
        } else if (one.do === 'clear') {
          ejection.clear();
          [inRow, times, until] = [0, 0, -Infinity];
        } else if (now < until) expect(ejection.eject(now)).toBe(until - now);
        else {
          // long good conduct makes the count begin anew
          times = now - until >= 10 * TIME_MS ? 1 : Math.min(10, times + 1);
          inRow = 0;
          until = now + times * TIME_MS;
          expect(ejection.eject(now)).toBe(times * TIME_MS);
        }
        expect(ejection.isEjected(now)).toBe(now < until);
      }
    }),
    { numRuns: RUNS },
  );
});
