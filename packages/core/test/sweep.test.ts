import { atMost, fieldsOf, IdleWaiters, Sweep } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';

test('a sweep checks while work is left, at the interval or when the check says, and then has no timer', () => {
  const clock = createManualClock();
  const results: (boolean | number)[] = [true, 3, false];
  const at: number[] = [];
  const sweep = new Sweep(clock, 20, () => {
    at.push(clock.now());
    return results.shift() ?? false;
  });
  sweep.start();
  clock.advance(1_000);
  expect([at, sweep.running, clock.pendingTimers]).toEqual([[20, 40, 43], false, 0]);
});

test('a sweep that is started again earlier has one timer, and a stopped one none', () => {
  const clock = createManualClock();
  let checks = 0;
  const sweep = new Sweep(clock, 20, () => ++checks > 0);
  sweep.start(100);
  sweep.start(5);
  clock.advance(5);
  expect([checks, clock.pendingTimers]).toEqual([1, 1]);
  sweep.stop();
  expect([sweep.running, clock.pendingTimers]).toEqual([true, 0]);
});

test('a check that stops its sweep is not scheduled again', () => {
  const clock = createManualClock();
  const sweep = new Sweep(clock, 20, () => {
    sweep.stop();
    return true;
  });
  sweep.start();
  clock.advance(20);
  expect(clock.pendingTimers).toBe(0);
});

test('waiters resolve at the next notify, and atMost gives up after its time', async () => {
  const clock = createManualClock();
  const idle = new IdleWaiters();
  idle.notify();
  const soon = atMost(clock, 50, idle.wait());
  idle.notify();
  await soon;
  expect(clock.pendingTimers).toBe(0);
  const late = atMost(clock, 50, idle.wait());
  clock.advance(50);
  await late;
  await expect(atMost(clock, 50, Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(clock.pendingTimers).toBe(0);
});

test('fieldsOf writes out every field of a decision', () => {
  const decision = { verdict: { type: 'block', status: 403, headers: ['a', '1'] }, audit: { tags: ['t'] } } as const;
  expect(fieldsOf({ ...decision, responseBodyMutation: { index: 1, data: Uint8Array.of(1) } })).toEqual({
    decision: { block: { status: 403, headers: { a: '1' } } },
    request_headers: [],
    response_headers: [],
    audit: { tags: ['t'], rule_ids: [], confidence: null, reason_codes: [], custom: {} },
    needs_more: false,
    request_body_mutation: null,
    response_body_mutation: { chunk_index: 1, data: 'AQ==' },
    routing_metadata: {},
    websocket_decision: null,
  });
});
