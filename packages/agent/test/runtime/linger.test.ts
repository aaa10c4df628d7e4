import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, it } from 'vitest';
import { Linger } from '../../src/runtime/linger.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Turns that it stays awake for from now on. */
async function awakeFor(linger: Linger): Promise<number> {
  let count = 0;
  for (; linger.awake && count < 1_000; count++) await turn();
  return count;
}

/** A caller that asks, gets its answer, and asks again after some turns of the loop. */
async function ask(linger: Linger, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    linger.note();
    await turns(5);
  }
}

describe('staying awake', () => {
  it('is for callers that ask again soon, again and again, and ends with the first moment in vain', async () => {
    const linger = new Linger(createManualClock());
    linger.note();
    expect(await awakeFor(linger)).toBeLessThan(4);
    await ask(linger, 20);
    expect(linger.awake).toBe(true);
    linger.note();
    const stayed = await awakeFor(linger);
    expect(stayed).toBeGreaterThan(40);
    expect(stayed).toBeLessThan(60);
    linger.note();
    expect(await awakeFor(linger)).toBeLessThan(4);
  });

  it('is not for callers that take their time', async () => {
    const clock = createManualClock();
    const linger = new Linger(clock);
    for (let i = 0; i < 20; i++) {
      await ask(linger, 1);
      expect(linger.awake).toBe(false);
      clock.advance(1);
    }
  });

  it('is not for events that do not wait for the answers to others', async () => {
    const linger = new Linger(createManualClock());
    for (let i = 0; i < 20; i++) {
      linger.note();
      linger.note();
      await turns(5);
      expect(linger.awake).toBe(false);
    }
    await ask(linger, 20);
    expect(linger.awake).toBe(true);
    linger.note();
    await turn();
    linger.note();
    await turns(3);
    expect(linger.awake).toBe(false);
  });
});
