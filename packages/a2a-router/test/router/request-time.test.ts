import { describe, expect, it } from 'vitest';
import type { Clock } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { createA2ARouter, payload, target } from '../../src/index.ts';
import { RequestTime } from '../../src/router/request-time.ts';

/** A clock whose wall time can be set, and which counts how often its monotonic time is read. */
function settableClock() {
  const manual = createManualClock();
  let shiftMs = 0;
  let reads = 0;
  const clock: Clock = {
    ...manual,
    now: () => ((reads += 1), manual.now()),
    wallNow: () => manual.wallNow() + shiftMs,
  };
  return {
    clock,
    advance: (ms: number) => manual.advance(ms),
    set: (ms: number) => (shiftMs += ms),
    reads: () => reads,
  };
}

describe('the time of requests', () => {
  it('follows the monotonic clock, which is read once in 20 ms', () => {
    const { clock, advance, reads } = settableClock();
    const time = new RequestTime(clock);
    for (let ms = 0; ms < 100; ms += 1) {
      expect(time.at(clock.wallNow())).toBe(ms);
      advance(1);
    }
    expect(reads()).toBe(5);
  });

  it.each([-3_600_000, 3_600_000, -1, 20])('is right at once after the wall clock is set by %i ms', (ms) => {
    const { clock, advance, set } = settableClock();
    const time = new RequestTime(clock);
    time.at(clock.wallNow());
    set(ms);
    expect(time.at(clock.wallNow())).toBe(0);
    advance(7);
    expect(time.at(clock.wallNow())).toBe(7);
  });

  it('is wrong by less than 20 ms, for 20 ms, after the wall clock is set on by less than that', () => {
    const { clock, advance, set } = settableClock();
    const time = new RequestTime(clock);
    time.at(clock.wallNow());
    set(19);
    expect(time.at(clock.wallNow())).toBe(19);
    advance(1);
    expect(time.at(clock.wallNow())).toBe(1);
  });

  it('ends a request when its time is over on the monotonic clock, wherever the wall clock is set meanwhile', async () => {
    const { clock, advance, set } = settableClock();
    const router = createA2ARouter({ clock });
    const add = (agentId: string) => router.register(router.processTable.insert({ agentId }));
    const [one, two] = [add('one'), add('two')];
    const ask = (timeoutMs: number) =>
      expect(one.request(target.process(two.pid), payload.text('?'), { timeoutMs })).rejects.toMatchObject({
        code: 'ERR_TIMEOUT',
      });
    const early = ask(100);
    set(-3_600_000);
    const late = ask(200);
    advance(99);
    expect(router.pendingRequestCount).toBe(2);
    advance(6);
    expect(router.pendingRequestCount).toBe(1);
    advance(100);
    expect(router.pendingRequestCount).toBe(0);
    await Promise.all([early, late]);
    await router.close();
  });

  it('lets no request be received that has ended, although its message waits', async () => {
    const { clock, advance } = settableClock();
    const router = createA2ARouter({ clock });
    const add = (agentId: string) => router.register(router.processTable.insert({ agentId }));
    const [one, two] = [add('one'), add('two')];
    const asking = expect(
      one.request(target.process(two.pid), payload.text('?'), { timeoutMs: 100 }),
    ).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    advance(200);
    expect(two.inbox.poll()).toBeUndefined();
    await asking;
    await router.close();
  });
});
