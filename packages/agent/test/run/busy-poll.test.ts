import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { BusyPoll } from '../../src/run/busy-poll.ts';

const iteration = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function iterations(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await iteration();
}

/** Event loop iterations until polling stops. */
async function untilInactive(poll: BusyPoll): Promise<number> {
  let count = 0;
  for (; poll.active && count < 1_000; count++) await iteration();
  return count;
}

/** A client that sends a request, gets its reply, and sends the next one a few iterations later. */
async function ask(poll: BusyPoll, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    poll.note();
    await iterations(5);
  }
}

describe('busy-polling', () => {
  test('starts after repeated sequential requests and stops at the first poll without an event', async () => {
    const poll = new BusyPoll(createManualClock());
    poll.note();
    expect(await untilInactive(poll)).toBeLessThan(4);
    await ask(poll, 20);
    expect(poll.active).toBe(true);
    poll.note();
    const polled = await untilInactive(poll);
    expect(polled).toBeGreaterThan(40);
    expect(polled).toBeLessThan(60);
    poll.note();
    expect(await untilInactive(poll)).toBeLessThan(4);
  });

  test('does not start for slow clients', async () => {
    const clock = createManualClock();
    const poll = new BusyPoll(clock);
    for (let i = 0; i < 20; i++) {
      await ask(poll, 1);
      expect(poll.active).toBe(false);
      clock.advance(1);
    }
  });

  test('neither starts nor continues for pipelined events', async () => {
    const poll = new BusyPoll(createManualClock());
    for (let i = 0; i < 20; i++) {
      poll.note();
      poll.note();
      await iterations(5);
      expect(poll.active).toBe(false);
    }
    await ask(poll, 20);
    expect(poll.active).toBe(true);
    poll.note();
    await iteration();
    poll.note();
    await iterations(3);
    expect(poll.active).toBe(false);
  });
});
