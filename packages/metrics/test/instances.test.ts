import type { MetricsReport } from '@agentwire/core';
import { INSTANCE_METRIC } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

/** Report of a process with `own_total{k}` for each of these. */
const manyOf = (agentId: string, instance: string, keys: readonly string[], value = 1): MetricsReport => ({
  ...reportOf(instance, value, 1),
  agentId,
  counters: keys.map((k) => ({ name: `${agentId}_total`, labels: { k }, value })),
  histograms: [],
  gauges: [{ name: INSTANCE_METRIC, labels: { instance }, value: 1 }],
});
const keysOf = (count: number, prefix = ''): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

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
  // the last one too: an agent that is gone runs nothing
  clock.advance(3_000);
  expect(valuesOf(collector.families(), 'own_running')).toEqual([2]);
  clock.advance(1);
  expect(NAMES.map((name) => valuesOf(collector.families(), name))).toEqual([[7], [], [7]]);
});

test('gauges of a report that names no interval end after 30 s', () => {
  const clock = createManualClock();
  const collector = new MetricsCollector({ clock });
  collector.recordReport('waf', { ...reportOf('a', 5, 1), intervalMs: 0 });
  clock.advance(30_000);
  expect(valuesOf(collector.families(), 'own_running')).toEqual([5]);
  clock.advance(1);
  expect(valuesOf(collector.families(), 'own_running')).toEqual([]);
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

test('more live processes than are told apart count once each, however often each reports', () => {
  const collector = new MetricsCollector();
  for (const round of [1, 2, 3]) {
    for (let at = 0; at < 300; at++) collector.recordReport('waf', reportOf(`p${at}`, round, round));
    expect(NAMES.map((name) => valuesOf(collector.families(), name))).toEqual([
      [300 * round],
      [256 * round],
      [300 * round],
    ]);
  }
  expect(collector.exportPrometheus()).not.toContain('agentwire_metrics_dropped_total');
});

test('processes that have many series count once each past the bound on series', () => {
  const collector = new MetricsCollector();
  for (const round of [1, 2]) {
    for (let at = 0; at < 12; at++) collector.recordReport('waf', manyOf('waf', `p${at}`, keysOf(1_000), round));
    expect(new Set(valuesOf(collector.families(), 'waf_total'))).toEqual(new Set([12 * round]));
  }
  expect(collector.exportPrometheus()).not.toContain('agentwire_metrics_dropped_total');
});

test('no counter of more processes than are told apart falls, none is lost, and none counts twice', () => {
  const step = fc.record({
    process: fc.nat(400),
    ends: fc.boolean(),
    more: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 800, maxLength: 1_000 }), (steps) => {
      const collector = new MetricsCollector();
      const lives = new Map<number, { id: string; count: number }>();
      let [total, before] = [0, 0];
      for (const [at, { process, ends, more }] of steps.entries()) {
        const life = lives.get(process) ?? { id: `${at}`, count: 0 };
        life.count += more;
        total += more;
        collector.recordReport('waf', reportOf(life.id, life.count, at));
        if (ends) lives.delete(process);
        else lives.set(process, life);
        if (at % 50 > 0) continue;
        const [value = 0] = valuesOf(collector.families(), 'own_total');
        expect(value).toBeCloseTo(total, 6);
        expect(value).toBeGreaterThanOrEqual(before);
        before = value;
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

test('past 4 096 that are remembered, counters of ended processes stay, and those that are remembered still count once', () => {
  const collector = new MetricsCollector();
  for (let at = 0; at < 5_000; at++) collector.recordReport('waf', reportOf(`p${at}`, 1, 1));
  expect(valuesOf(collector.families(), 'own_total')).toEqual([5_000]);
  for (let at = 1_000; at < 1_300; at++) collector.recordReport('waf', reportOf(`p${at}`, 3, 1));
  expect(NAMES.map((name) => valuesOf(collector.families(), name))).toEqual([[5_600], [768], [5_600]]);
});

test('processes that are folded keep no text of their own: each report brings its labels anew', () => {
  const collector = new MetricsCollector();
  const label = 'x'.repeat(1_000);
  const report = (at: number): void => collector.recordReport('waf', manyOf('waf', `p${at}`, keysOf(50, label)));
  const held = (): number => {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    return process.memoryUsage().heapUsed;
  };
  for (let at = 0; at < 300; at++) report(at);
  const before = held();
  for (let at = 300; at < 1_300; at++) report(at);
  // their labels are 50 KB each
  expect(held() - before).toBeLessThan(10e6);
});

test('a sum of fractions does not fall by a last digit when its processes report in another order', () => {
  const collector = new MetricsCollector();
  const values = [0.1, 0.2, 0.3, 0.7, 1e9, 1e-7];
  const report = (at: number): void => collector.recordReport('waf', reportOf(`p${at}`, values[at] ?? 0, 1));
  for (const at of values.keys()) report(at);
  const own = (): unknown =>
    snapshotOf(collector.families()).families.map(({ name, series: [one] }) => [name, one?.sum ?? one?.value]);
  const first = own();
  fc.assert(
    fc.property(fc.array(fc.nat(values.length - 1), { maxLength: 12 }), (order) => {
      for (const at of order) report(at);
      expect(own()).toEqual(first);
    }),
    { numRuns: 200 },
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
