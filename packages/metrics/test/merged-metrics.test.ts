import type { Logger } from '@agentwire/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HistogramSeries, MetricsCollector, type MetricFamily } from '../src/index.ts';
import { MergedMetrics, type ProcessMetrics } from '../src/internal.ts';

function collector(times: number, breaker = 0): MetricsCollector {
  const one = new MetricsCollector();
  for (let at = 0; at < times; at += 1) {
    one.count('gateway_requests_total', { status: '200' });
    one.observe('gateway_request_duration_seconds', {}, at === 0 ? 100 : 0.001);
  }
  one.gauge('agent_circuit_breaker_state', { agent: 'waf' }, breaker);
  one.gauge('agent_queue_depth', { agent: 'waf' }, times);
  one.recordReport('waf', {
    type: 'metricsReport',
    agentId: 'waf',
    intervalMs: 0,
    timestampMs: 0,
    counters: [{ name: 'waf_hits_total', labels: {}, value: 7 }],
    gauges: [],
    histograms: [],
  });
  return one;
}

/** A process whose agent reported, at a time, how often it decided and how much is running. */
function reportedAt(timestampMs: number, decided: number, agent = 'waf'): ProcessMetrics {
  const one = new MetricsCollector();
  one.recordReport(agent, {
    type: 'metricsReport',
    agentId: agent,
    intervalMs: 10_000,
    timestampMs,
    counters: [{ name: 'agent_decisions_total', labels: { decision: 'allow' }, value: decided }],
    gauges: [{ name: 'agent_handlers_running', labels: {}, value: decided }],
    histograms: [{ name: 'own_seconds', labels: {}, sum: 1, count: decided, buckets: [{ le: 1, count: decided }] }],
  });
  return one.snapshot().families;
}

const metricsOf = (one: MetricsCollector): ProcessMetrics => one.snapshot().families;

const valuesOf = (families: readonly MetricFamily[], name: string): unknown =>
  families
    .find((family) => family.name === name)
    ?.series.map((one) => (one instanceof HistogramSeries ? one.count : one.value));

test('counters, histograms and gauges add up; of states the largest counts, and a report counts once', () => {
  const merged = new MergedMetrics().families([metricsOf(collector(2, 0)), metricsOf(collector(3, 1))]);
  expect(valuesOf(merged, 'gateway_requests_total')).toEqual([5]);
  expect(valuesOf(merged, 'gateway_request_duration_seconds')).toEqual([5]);
  expect(valuesOf(merged, 'agent_queue_depth')).toEqual([5]);
  expect(valuesOf(merged, 'agent_circuit_breaker_state')).toEqual([1]);
  expect(valuesOf(merged, 'waf_hits_total')).toEqual([7]);
});

test('one process comes out as it went in', () => {
  const one = collector(3, 1);
  expect(new MergedMetrics().families([metricsOf(one)])).toEqual(one.families());
});

test('what an agent reports to several processes is not added up: its newest report counts', () => {
  const read = (...all: ProcessMetrics[]): unknown[] => {
    const families = new MergedMetrics().families(all);
    return ['agent_decisions_total', 'agent_handlers_running', 'own_seconds'].map((name) => valuesOf(families, name));
  };
  expect(read(reportedAt(1_000, 400), reportedAt(2_000, 410))).toEqual([[410], [410], [410]]);
  // the agent has started again
  expect(read(reportedAt(3_000, 5), reportedAt(2_000, 410))).toEqual([[5], [5], [5]]);
  expect(read(reportedAt(1_000, 400), reportedAt(2_000, 7, 'auth'))).toEqual([
    [400, 7],
    [400, 7],
    [400, 7],
  ]);
});

test('a report of a process that has ended stays until the agent reports again', () => {
  const merged = new MergedMetrics();
  const decided = (...running: ProcessMetrics[]): unknown =>
    valuesOf(merged.families(running), 'agent_decisions_total');
  merged.end(reportedAt(2_000, 410));
  merged.end(reportedAt(1_000, 400));
  expect(valuesOf(merged.families([]), 'agent_handlers_running')).toBeUndefined();
  expect([decided(), decided(reportedAt(1_500, 405)), decided(reportedAt(3_000, 420))]).toEqual([[410], [410], [420]]);
  expect(decided(reportedAt(3_000, 5))).toEqual([5]);
});

test('a report of an agent whose clock is ahead, or has none, is replaced by the next one', () => {
  for (const timestampMs of [Number.MAX_SAFE_INTEGER, NaN]) {
    const merged = new MergedMetrics();
    merged.end(reportedAt(timestampMs, 400));
    const now = valuesOf(merged.families([reportedAt(Date.now(), 401)]), 'agent_decisions_total');
    expect(now, String(timestampMs)).toEqual([401]);
  }
});

test('of processes that have ended counters and histograms stay, and nothing else', () => {
  const merged = new MergedMetrics();
  merged.end(metricsOf(collector(2, 1)));
  merged.end(metricsOf(collector(1, 1)));
  const names = merged.families([]).map(({ name }) => name);
  expect(names).toEqual(['gateway_request_duration_seconds', 'gateway_requests_total', 'waf_hits_total']);
  expect(valuesOf(merged.families([metricsOf(collector(4))]), 'gateway_requests_total')).toEqual([7]);
});

test('no counter falls, whatever counts and ends in which order', () => {
  const step = fc.record({ at: fc.nat(3), ends: fc.boolean(), status: fc.constantFrom('200', '403') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const merged = new MergedMetrics();
      const running = Array.from({ length: 4 }, () => new MetricsCollector());
      let total = 0;
      for (const { at, ends, status } of steps) {
        const one = running[at];
        if (one === undefined) throw new Error('there are four processes');
        one.count('gateway_requests_total', { status });
        total += 1;
        if (ends) {
          merged.end(metricsOf(one));
          running[at] = new MetricsCollector();
        }
        const values = valuesOf(merged.families(running.map(metricsOf)), 'gateway_requests_total') as number[];
        expect(values.reduce((sum, value) => sum + value, 0)).toBe(total);
      }
    }),
    { numRuns: 50 },
  );
});

test('a sum of fractions falls by no last digit when its processes end', () => {
  const name = 'gateway_request_duration_seconds';
  const step = fc.record({ at: fc.nat(3), ends: fc.boolean(), seconds: fc.double({ min: 1e-4, max: 1, noNaN: true }) });
  const read = (families: readonly MetricFamily[]): number =>
    (families.find((family) => family.name === name)?.series[0] as HistogramSeries | undefined)?.sum ?? 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 40 }), (steps) => {
      const merged = new MergedMetrics();
      const running = Array.from({ length: 4 }, () => new MetricsCollector());
      let sum = 0;
      for (const { at, ends, seconds } of steps) {
        const one = running[at];
        if (one === undefined) throw new Error('there are four processes');
        if (ends) {
          merged.end(metricsOf(one));
          running[at] = new MetricsCollector();
        } else one.observe(name, {}, seconds);
        const now = read(merged.families(running.map(metricsOf)));
        if (now < sum) expect.fail(`it fell from ${sum} to ${now}`);
        sum = now;
      }
    }),
    { numRuns: 200 },
  );
});

test('past the limit of series those of ended processes are left out, and a line says so once', () => {
  const lines: string[] = [];
  const note = (_: object, message: string): void => void lines.push(message);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const merged = new MergedMetrics({ maxSeries: 3, logger });
  const withStatus = (...all: string[]): ProcessMetrics => {
    const one = new MetricsCollector();
    for (const status of all) one.count('gateway_requests_total', { status });
    return metricsOf(one);
  };
  merged.end(withStatus('200', '500', '501', '502'));
  merged.end(withStatus('200', '404', '403'));
  const [family] = merged.families([withStatus('200', '201')]);
  expect(family?.series.map((one) => [one.labels['status'], (one as { value: number }).value])).toEqual([
    ['200', 3],
    ['201', 1],
    ['404', 1],
  ]);
  expect(lines).toHaveLength(1);
});

test('a name that has another type in another process is left out there, and the page stays valid', () => {
  const [one, two] = [new MetricsCollector(), new MetricsCollector()];
  one.count('own_total', {});
  two.gauge('own_total', {}, 5);
  two.gauge('own', {}, 5);
  const families = new MergedMetrics().families([metricsOf(one), metricsOf(two)]);
  expect(families.map(({ name, type }) => [name, type])).toEqual([['own_total', 'counter']]);
});
