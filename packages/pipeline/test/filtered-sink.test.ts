import { systemClock } from '@agentwire/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BodyFilter } from '../src/body/body-filter.ts';
import { FilteredSink } from '../src/body/filtered-sink.ts';

interface Plan {
  /** Lengths of the chunks, in bytes. */
  readonly lengths: readonly number[];
  /** Number of the event with which the agent is done; past the end it never is. */
  readonly doneAfter: number;
  /** Numbers of the events whose chunk the agent drops, and whose bytes it inverts. */
  readonly dropped: number;
  readonly inverted: number;
  /** Number of the event whose chunk is replaced by a view of it. */
  readonly trimmed: number;
  readonly isAnnounced: boolean;
  /** Rounds of the event loop that the agent takes for a decision, the client for a write, and the upstream for a chunk. */
  readonly waits: readonly [agent: number, client: number, upstream: number];
}

const plans = fc.record<Plan>({
  lengths: fc.array(fc.integer({ min: 1, max: 120_000 }), { maxLength: 12 }),
  doneAfter: fc.integer({ min: 1, max: 15 }),
  dropped: fc.nat(6),
  inverted: fc.nat(6),
  trimmed: fc.nat(6),
  isAnnounced: fc.boolean(),
  waits: fc.tuple(fc.nat(3), fc.nat(2), fc.nat(2)),
});

async function wait(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** Longest chunk of an agent, and what may wait besides it. */
const JOINED_BYTES = 261_120;

test('a body passes whole and in order, joined while its agents decide, with one event that is its last', async () => {
  const one = async (plan: Plan): Promise<void> => {
    const chunks = plan.lengths.map((length, n) => Buffer.alloc(length, n + 1));
    const whole = Buffer.concat(chunks);
    const events: { bytes: number; last: boolean }[] = [];
    const expected: Buffer[] = [];
    let read = 0;
    let asked = 0;
    const filter = new BodyFilter({
      agents: ['a'],
      mutation: 'responseBodyMutation',
      maxChunkBytes: 1_000_000,
      async ask(_, { index, data, last }) {
        events.push({ bytes: data.byteLength, last });
        asked += data.byteLength;
        const isDropped = index === plan.dropped;
        const seen = index === plan.inverted ? data.map((byte) => 255 - byte) : data;
        const changed = isDropped ? Buffer.alloc(0) : index === plan.trimmed ? seen.subarray(1) : seen;
        expected.push(Buffer.from(changed));
        await wait(plan.waits[0]);
        // what is read ahead is bounded
        expect(read - asked).toBeLessThan(JOINED_BYTES + 120_000);
        return {
          verdict: { type: 'allow' },
          needsMore: events.length < plan.doneAfter,
          ...(changed !== data && { responseBodyMutation: { index, data: changed } }),
        };
      },
      onAllow: () => undefined,
    });
    const written: Buffer[] = [];
    const total = plan.lengths.reduce((sum, length) => sum + length, 0);
    const { promise: over, resolve, reject } = Promise.withResolvers<void>();
    let wake: (() => void) | undefined;
    let announced: number | undefined;
    const sink = new FilteredSink({
      status: 200,
      headers: plan.isAnnounced ? ['content-length', String(total)] : [],
      ops: [],
      filter,
      buffer: undefined,
      clock: systemClock,
      // what is released may be used again
      control: { resume: () => wake?.(), hasMore: false, release: (chunk) => void chunk.fill(0) },
      writer: {
        headOf: (_status, _headers, length) => (announced = length),
        async writeAndWait(chunk, release) {
          await wait(plan.waits[1]);
          written.push(Buffer.from(chunk));
          release?.(chunk);
        },
        end: (done) => done(),
      },
      done: resolve,
      fail: reject,
    });
    for (const chunk of chunks) {
      await wait(plan.waits[2]);
      read += chunk.byteLength;
      const { promise, resolve: resumed } = Promise.withResolvers<void>();
      wake = resumed;
      if (!sink.write(chunk)) await promise;
    }
    sink.end();
    await over;
    const unasked = whole.subarray(asked);
    const body = Buffer.concat([...expected, unasked]);
    expect(Buffer.concat(written).equals(body)).toBe(true);
    if (announced !== undefined) expect(announced).toBe(body.byteLength);
    expect(Math.max(0, ...events.map(({ bytes }) => bytes))).toBeLessThanOrEqual(JOINED_BYTES);
    expect(events.slice(0, -1).filter(({ last }) => last)).toEqual([]);
    // an agent that was not done got the end
    if (events.length < plan.doneAfter) expect(events.at(-1)?.last).toBe(true);
    for (const [n, chunk] of chunks.entries()) expect(chunk.byteLength).toBe(plan.lengths[n]);
  };
  await fc.assert(fc.asyncProperty(plans, one), { numRuns: 100 });
});

test('a failure of an agent is reported once, and nothing passes after it', async () => {
  const filter = new BodyFilter({
    agents: ['a'],
    mutation: 'responseBodyMutation',
    maxChunkBytes: 1_000_000,
    ask: () => Promise.reject(new Error('gone')),
    onAllow: () => undefined,
  });
  const failures: string[] = [];
  const written: Uint8Array[] = [];
  const sink = new FilteredSink({
    status: 200,
    headers: [],
    ops: [],
    filter,
    buffer: undefined,
    clock: systemClock,
    control: { resume: () => undefined, hasMore: false },
    writer: { headOf: () => undefined, writeAndWait: async (chunk) => void written.push(chunk), end: (done) => done() },
    done: () => failures.push('done'),
    fail: (error) => failures.push(error.message),
  });
  sink.write(Buffer.from('a'));
  await wait(1);
  sink.write(Buffer.from('b'));
  sink.end();
  await wait(2);
  expect({ failures, written }).toEqual({ failures: ['gone'], written: [] });
});
