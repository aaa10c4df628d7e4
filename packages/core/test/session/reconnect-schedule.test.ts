import { ReconnectSchedule } from '@agentwire/core/session/internal';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

const RUNS = Number(process.env['AGENTWIRE_RUNS'] ?? 20_000);
const BACKOFF = { initialMs: 100, factor: 2, maxMs: 5_000, jitter: 0.25 };

test('agrees with a model over any sequence of commands: attempts never stop, and only a graceful end needs no wait', () => {
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), ok: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('end' as const), graceful: fc.boolean(), aliveMs: fc.nat(10_000) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('waited' as const) }) },
  );
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(command, randoms), { maxLength: 40 }), (commands) => {
      let random = 0;
      const schedule = new ReconnectSchedule(BACKOFF, () => random);
      let now = 0;
      let since = 0;
      let state = 'connecting';
      let failures = 0;
      const expectWait = (waitMs: number | undefined): void => {
        failures += 1;
        const middle = Math.min(5_000, 100 * 2 ** (failures - 1));
        const from = middle * 0.75;
        if (!(waitMs !== undefined && waitMs >= from && waitMs <= middle * 1.25)) expect.fail(`a wait of ${waitMs} ms`);
        state = 'waiting';
      };
      for (const [one, next] of commands) {
        random = next;
        if (one.do === 'waited') {
          schedule.waited();
          if (state === 'waiting') state = 'connecting';
        } else if (one.do === 'connect') {
          if (state !== 'connecting') continue;
          if (one.ok) {
            schedule.connected(now);
            [state, since] = ['connected', now];
          } else expectWait(schedule.failed());
        } else {
          if (state !== 'connected') continue;
          now += one.aliveMs;
          const waitMs = schedule.ended(one.graceful, now);
          const good = now - since >= 5_000;
          if (good) failures = 0;
          if (good && one.graceful) {
            expect(waitMs).toBeUndefined();
            state = 'connecting';
          } else expectWait(waitMs);
        }
        if (schedule.state !== state || schedule.failures !== failures)
          expect.fail(`${schedule.state} is not ${state}`);
      }
    }),
    { numRuns: RUNS },
  );
});
