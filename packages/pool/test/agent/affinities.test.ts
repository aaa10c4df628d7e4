import type { Exchange } from '@agentwire/core/session';
import { createManualClock } from '@agentwire/core/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Affinities, affinityFor, type Affinity } from '../../src/agent/affinities.ts';
import { RUNS } from '../runs.ts';

const TTL_MS = 100;
const MAX = 3;

/** An exchange without a connection: it counts its ends. */
class FakeExchange implements Exchange {
  readonly id = 1;
  ended = false;
  pending = 0;
  heard = true;
  owner: unknown = undefined;
  how: string[] = [];
  ask(): Promise<never> {
    this.pending += 1;
    return new Promise(() => undefined);
  }
  #finish(how: string): void {
    if (this.ended) return;
    this.ended = true;
    this.pending = 0;
    this.how.push(how);
  }
  complete(): void {
    this.#finish('complete');
  }
  cancel(reason = 'manual'): void {
    this.#finish(`cancel ${reason}`);
  }
  end(): void {
    this.#finish('end');
  }
}

interface Remembered {
  readonly kept: boolean;
  readonly exchanges: FakeExchange[];
  readonly takes: number[];
  touchedAt: number;
}

const id = fc.nat(4);
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('add' as const), id, takes: fc.constantFrom(1, 2, 3), kept: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('extend' as const), id, takes: fc.constantFrom(4, 8) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('get' as const), id, bit: fc.constantFrom(0, 1, 2, 4, 8) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pend' as const), id, pending: fc.nat(2), agoMs: fc.nat(TTL_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(TTL_MS) }) },
);

test('agrees with a model over any sequence of commands: what is in flight or kept is never forgotten by a timeout', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const clock = createManualClock();
      const affinities = new Affinities(clock, MAX, TTL_MS);
      const model = new Map<number, Remembered>();
      const all: FakeExchange[] = [];
      const exchange = (): FakeExchange => {
        const made = new FakeExchange();
        all.push(made);
        return made;
      };
      const expire = (full: boolean): void => {
        for (const [known, { kept, exchanges, touchedAt }] of model) {
          if (kept || exchanges.some(({ pending }) => pending > 0)) continue;
          if (touchedAt < clock.now() - TTL_MS || (full && exchanges[0]?.ended === true)) model.delete(known);
        }
      };
      const get = (one: number): Affinity | undefined => {
        const found = model.get(one);
        if (found !== undefined) found.touchedAt = clock.now();
        return affinities.get(one);
      };
      for (const one of commands) {
        if (one.do === 'wait') clock.advance(one.ms);
        else if (one.do === 'sweep') {
          expire(model.size >= MAX);
          affinities.sweep();
        } else if (one.do === 'add') {
          if (model.has(one.id)) continue;
          if (model.size >= MAX) expire(true);
          if (model.size >= MAX) {
            expect(() => affinities.makeRoom()).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
            continue;
          }
          affinities.makeRoom();
          const made = exchange();
          // its first event is unanswered
          made.pending = 1;
          affinities.add(one.id, made, one.takes, one.kept);
          model.set(one.id, { kept: one.kept, exchanges: [made], takes: [one.takes], touchedAt: 0 });
        } else if (one.do === 'extend') {
          const first = get(one.id);
          if (first === undefined) continue;
          const made = exchange();
          affinities.extend(first, made, one.takes);
          model.get(one.id)?.exchanges.push(made);
          model.get(one.id)?.takes.push(one.takes);
        } else if (one.do === 'remove') {
          const found = get(one.id);
          if (found !== undefined) affinities.remove(found);
          model.delete(one.id);
        } else if (one.do === 'pend') {
          const known = model.get(one.id);
          const found = known?.exchanges[0];
          if (known === undefined || found?.ended !== false) continue;
          found.pending = one.pending;
          const askedAt = clock.now() - one.agoMs;
          known.touchedAt = Math.max(known.touchedAt, askedAt);
          affinities.answered(found.owner as Affinity, askedAt);
        } else if (one.do === 'die') model.get(one.id)?.exchanges[0]?.end();
        else {
          const found = get(one.id);
          const expected = model.get(one.id);
          if ((found === undefined) !== (expected === undefined))
            expect.fail(`request ${one.id} is forgotten, or is not`);
          if (found === undefined || expected === undefined) continue;
          // a request that failed on one connection does not continue on another
          const picked = affinityFor(found, one.bit);
          const at = expected.exchanges[0]?.ended
            ? 0
            : expected.takes.findIndex((takes) => (takes & one.bit) === one.bit);
          const takers = expected.takes.flatMap((takes, place) => ((takes & one.bit) === one.bit ? [place] : []));
          if (at === -1) expect(picked).toBeUndefined();
          else if (at === 0) expect(picked?.exchange).toBe(expected.exchanges[0]);
          else expect(takers.map((place) => expected.exchanges[place])).toContain(picked?.exchange);
        }
        if (affinities.size !== model.size) expect.fail(`${affinities.size} are remembered, not ${model.size}`);
        const live = new Set([...model.values()].flatMap(({ exchanges }) => exchanges));
        for (const made of all) {
          if (!made.ended && !live.has(made)) expect.fail('an exchange of a forgotten request holds its id');
          if (made.how.length > 1) expect.fail('an exchange ended twice');
        }
      }
      affinities.clear();
      expect(all.every(({ ended }) => ended)).toBe(true);
    }),
    { numRuns: RUNS },
  );
});
