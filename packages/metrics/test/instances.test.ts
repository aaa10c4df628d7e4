import type { MetricsReport } from '@agentwire/core';
import { INSTANCE_METRIC } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HistogramSeries, MetricsCollector, type MetricFamily } from '../src/index.ts';
import { MergedMetrics, type ProcessMetrics, snapshotOf } from '../src/internal.ts';

/** Report of a process of an agent, of which `value` is each of its values. */
function reportOf(instance: string, value: number, timestampMs: number): MetricsReport {
  return {
    type: 'metricsReport',
    agentId: 'waf',
    timestampMs,
    intervalMs: 1_000,
    counters: [{ name: 'own_total', labels: {}, value }],
    gauges: [
      { name: INSTANCE_METRIC, labels: { instance }, value: 1 },
      { name: 'own_running', labels: {}, value },
    ],
    histograms: [{ name: 'own_seconds', labels: {}, sum: value, count: value, buckets: [{ le: 1, count: value }] }],
  };
}

const valuesOf = (families: readonly MetricFamily[], name: string): number[] =>
  (families.find((family) => family.name === name)?.series ?? []).map((one) =>
    one instanceof HistogramSeries ? one.count : one.value,
  );
const NAMES = ['own_total', 'own_running', 'own_seconds'];
const ofProcess = (one: MetricsCollector): ProcessMetrics => snapshotOf(one.families(true)).families;

test('what several processes of an agent report is added up, and a process counts once over any number of connections', () => {
  const collector = new MetricsCollector();
  for (const [instance, value] of [
    ['a', 5],
    ['b', 7],
    ['a', 6],
    ['a', 6],
  ] as const)
    collector.recordReport('waf', reportOf(instance, value, 1));
  expect(NAMES.map((name) => valuesOf(collector.families(), name))).toEqual([[13], [13], [13]]);
  expect(collector.exportPrometheus()).not.toContain(INSTANCE_METRIC);
  collector.removeAgent('waf');
  expect(collector.families()).toEqual([]);
});

test('counters of a process that has ended stay, its gauges end after three intervals without a report', () => {
  const clock = createManualClock();
  const collector = new MetricsCollector({ clock });
  collector.recordReport('waf', reportOf('a', 5, 1));
  clock.advance(3_001);
  collector.recordReport('waf', reportOf('b', 2, 1));
  expect(NAMES.map((name) => valuesOf(collector.families(), name))).toEqual([[7], [2], [7]]);
});

test('no counter falls and none is lost, over more processes than are told apart', () => {
  const step = fc.record({ process: fc.nat(3), ends: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 300 }), (steps) => {
      const collector = new MetricsCollector();
      const counts = [0, 0, 0, 0];
      const lives = [0, 0, 0, 0];
      let total = 0;
      for (const { process, ends } of steps) {
        const count = (counts[process] ?? 0) + 1;
        counts[process] = count;
        total += 1;
        collector.recordReport('waf', reportOf(`${process}-${lives[process]}`, count, 1));
        expect(valuesOf(collector.families(), 'own_total')).toEqual([total]);
        expect(valuesOf(collector.families(), 'own_seconds')).toEqual([total]);
        if (!ends) continue;
        counts[process] = 0;
        lives[process] = (lives[process] ?? 0) + 1;
      }
    }),
    { numRuns: 10 },
  );
});

test('workers of a gateway take each process of an agent once: its newest report, running or not', () => {
  const merged = new MergedMetrics();
  const [one, other] = [new MetricsCollector(), new MetricsCollector()];
  one.recordReport('waf', reportOf('a', 5, 1_000));
  one.recordReport('waf', reportOf('b', 7, 1_000));
  other.recordReport('waf', reportOf('b', 9, 2_000));
  const values = (...running: ProcessMetrics[]): number[][] =>
    NAMES.map((name) => valuesOf(merged.families(running), name));
  expect(values(ofProcess(one), ofProcess(other))).toEqual([[14], [14], [14]]);
  merged.end(ofProcess(one));
  // gauges end with the worker that had them
  expect(values(ofProcess(other))).toEqual([[14], [9], [14]]);
});
