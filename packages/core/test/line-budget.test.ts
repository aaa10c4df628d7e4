import { LineBudget } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';

test('lines past the limit of a second are left out, and their number is reported once per 10 s', () => {
  const clock = createManualClock();
  const reports: number[] = [];
  const budget = new LineBudget(100, (count) => reports.push(count), clock);
  const admitted = (lines: number): number =>
    Array.from({ length: lines }, () => budget.admit()).filter(Boolean).length;
  expect([admitted(250), reports]).toEqual([100, []]);
  clock.advance(999);
  expect(admitted(10)).toBe(0);
  clock.advance(1);
  expect(admitted(100)).toBe(100);
  clock.advance(9_000);
  expect(reports).toEqual([160]);
  clock.advance(60_000);
  expect([reports, clock.pendingTimers]).toEqual([[160], 0]);
  expect(admitted(101)).toBe(100);
  clock.advance(10_000);
  expect(reports).toEqual([160, 1]);
});
