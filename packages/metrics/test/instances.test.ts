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

/** Report of a process with `own_total{k}` for each of these. */
const manyOf = (agentId: string, instance: string, keys: readonly string[], value = 1): MetricsReport => ({
  ...reportOf(instance, value, 1),
  agentId,
  counters: keys.map((k) => ({ name: `${agentId}_total`, labels: { k }, value })),
  histograms: [],
  gauges: [{ name: INSTANCE_METRIC, labels: { instance }, value: 1 }],
});
const keysOf = (count: number, prefix = ''): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

test('one agent has no more series over all its processes than one report may have, so other agents keep their place', () => {
  const collector = new MetricsCollector();
  for (let at = 0; at < 200; at++) collector.recordReport('evil', manyOf('evil', `p${at}`, keysOf(1_000, `${at}-`)));
  collector.recordReport('good', manyOf('good', 'g', ['a']));
  const merged = new MergedMetrics();
  const other = new MetricsCollector();
  for (let at = 0; at < 20; at++) other.recordReport('evil', manyOf('evil', `q${at}`, keysOf(1_000, `q${at}-`)));
  merged.end(ofProcess(other));
  for (const families of [collector.families(), merged.families([ofProcess(collector)])]) {
    expect(valuesOf(families, 'evil_total')).toHaveLength(1_000);
    expect(valuesOf(families, 'good_total')).toEqual([1]);
  }
  const text = collector.exportPrometheus();
  expect(text).toContain('agentwire_metrics_dropped_total{reason="series"} 199\n');
});

test('series that several processes of an agent have in common take one place each', () => {
  const collector = new MetricsCollector();
  for (let at = 0; at < 10; at++) collector.recordReport('many', manyOf('many', `p${at}`, keysOf(1_000)));
  collector.recordReport('good', manyOf('good', 'g', keysOf(1_000)));
  for (const families of [collector.families(), new MergedMetrics().families([ofProcess(collector)])]) {
    expect(new Set(valuesOf(families, 'many_total'))).toEqual(new Set([10]));
    expect(valuesOf(families, 'good_total')).toHaveLength(1_000);
  }
  expect(collector.exportPrometheus()).not.toContain('agentwire_metrics_dropped_total');
});

test('a series that a process has keeps its place when new ones come before it, and ended processes leave room', () => {
  const clock = createManualClock();
  const collector = new MetricsCollector({ clock });
  collector.recordReport('waf', manyOf('waf', 'a', keysOf(1_000), 1));
  collector.recordReport('waf', manyOf('waf', 'a', [...keysOf(500, 'new'), ...keysOf(1_000)], 2));
  expect(new Set(valuesOf(collector.families(), 'waf_total'))).toEqual(new Set([2]));
  expect(collector.exportPrometheus()).not.toContain('k="new');
  for (let at = 0; at < 40; at++) {
    clock.advance(3_001);
    collector.recordReport('waf', manyOf('waf', `p${at}`, keysOf(1_000), 1));
  }
  const values = valuesOf(collector.families(), 'waf_total');
  expect(values).toHaveLength(1_000);
  expect(new Set(values)).toEqual(new Set([42]));
});
