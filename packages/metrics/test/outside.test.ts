import { execFileSync, spawnSync } from 'node:child_process';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Counter, Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { joinPromClient, metricsHandler, MetricsCollector, observeWith } from '../src/index.ts';

function filled(): MetricsCollector {
  const metrics = new MetricsCollector();
  metrics.count('agent_requests_total', { agent: 'we"ird\\\n', decision: 'allow' }, 3);
  metrics.count('agent_errors_total', { agent: 'waf', type: 'ERR_TIMEOUT' });
  metrics.gauge('agent_connections_active', { agent: 'waf' }, 4);
  metrics.observe('agent_request_duration_seconds', { agent: 'waf' }, 0.004);
  return metrics;
}

test('the handler answers GET and HEAD in the format that the client accepts', async () => {
  const server = createServer(metricsHandler(filled())).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  const text = await fetch(url);
  expect(text.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await text.text()).toContain('agent_connections_active{agent="waf"} 4\n');
  const open = await fetch(url, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
  expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
  expect(await open.text()).toMatch(/# EOF\n$/);
  for (const accept of ['application/openmetrics-text;q=0', 'application/openmetrics-text; q=0.1, text/plain;q=0.9'])
    expect((await fetch(url, { headers: { accept } })).headers.get('content-type')).toMatch(/^text\/plain/);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  expect((await fetch(url.replace('/metrics', '/other'))).status).toBe(404);
  expect((await fetch(`${url}?name=x`)).status).toBe(200);
  const [head] = (await once(get(url, { method: 'HEAD' }), 'response')) as [import('node:http').IncomingMessage];
  head.resume();
  expect([head.statusCode, head.headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
});

test('the handler gives other work its turn while it writes a large page', async () => {
  const metrics = new MetricsCollector({ maxSeries: 50_000 });
  for (let at = 0; at < 60_000; at++) metrics.count('large_total', { at: String(at) });
  const server = createServer(metricsHandler(metrics)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  let [turns, reads] = [0, 0];
  const turn = (): void => {
    turns += 1;
    if (turns < 1e9) setImmediate(turn);
  };
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  turn();
  const lines: string[] = [];
  for await (const chunk of response.body ?? []) {
    reads += 1;
    lines.push(new TextDecoder().decode(chunk));
  }
  const during = turns;
  turns = 1e9;
  expect(lines.join('').match(/^large_total\{/gm)).toHaveLength(50_000);
  expect(lines.join('')).toContain('agentwire_metrics_dropped_total{reason="series"} 10000\n');
  // 60 pieces of 16 000 characters at least
  expect(Math.min(during, reads)).toBeGreaterThan(10);
});

test('names with labels that cannot be kept are dropped, and are not remembered', () => {
  const metrics = new MetricsCollector();
  for (let at = 0; at < 100; at++) metrics.count(`name_${at}_total`, { 'a-b': '1' });
  expect(metrics.families().map(({ name }) => name)).toEqual(['agentwire_metrics_dropped_total']);
  metrics.gauge('name_1_total', {}, 1);
  expect(metrics.exportPrometheus()).toContain('# TYPE name_1_total gauge\nname_1_total 1\n');
});

test('an OpenTelemetry SDK reads the collector', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => provider.shutdown());
  const metrics = filled();
  const remove = observeWith(metrics, provider.getMeter('agentwire'));
  await reader.forceFlush();
  const seen = new Map(
    exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .map((metric) => [metric.descriptor.name, metric.dataPoints] as const),
  );
  expect(seen.get('agent_requests_total')).toMatchObject([
    { value: 3, attributes: { agent: 'we"ird\\\n', decision: 'allow' } },
  ]);
  expect(seen.get('agent_connections_active')).toMatchObject([{ value: 4 }]);
  expect(seen.get('agent_request_duration_seconds_count')).toMatchObject([{ value: 1 }]);
  expect(
    seen.get('agent_request_duration_seconds_bucket')?.find(({ attributes }) => attributes['le'] === '0.005'),
  ).toMatchObject({ value: 1 });
  remove();
  metrics.gauge('agent_connections_active', { agent: 'waf' }, 5);
  exporter.reset();
  await reader.forceFlush();
  const after = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  expect(after.flatMap(({ dataPoints }) => dataPoints.map(({ value }) => value))).not.toContain(5);
});

test('a prom-client registry and the collector are one page', async () => {
  const registry = new Registry();
  new Counter({ name: 'agent_errors_total', help: 'theirs', registers: [registry] }).inc(7);
  const page = await joinPromClient(filled(), registry)();
  expect(page).toContain('agent_errors_total 7\n');
  expect(page).toContain('agent_connections_active{agent="waf"} 4\n');
  expect(page.match(/# TYPE agent_errors_total/g)).toHaveLength(1);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
const HOSTILE = [
  '\u0000\u202e"\\\n{}',
  '\ud800',
  'a\r\nb\rc',
  '# HELP agent_errors_total x',
  '\\',
  '\\n',
  '"',
  '}',
  '',
  '  ',
  '\u2028\u0085\ufeff',
];
test.skipIf(!promtool).each(HOSTILE)('promtool accepts the page with %j as label and help text', (hostile) => {
  const metrics = new MetricsCollector({
    definitions: { agentwire_test_ratio: { type: 'gauge', help: hostile } },
  });
  metrics.gauge('agentwire_test_ratio', { hostile }, 0.5);
  metrics.observe('agent_request_duration_seconds', { agent: hostile }, 0.004);
  metrics.count('agent_requests_total', { agent: hostile, decision: hostile }, 3);
  const one = { labels: { rule: hostile, [hostile]: 'x' }, help: hostile };
  metrics.recordReport(hostile, {
    type: 'metricsReport',
    agentId: hostile,
    timestampMs: 0,
    intervalMs: 1,
    counters: [
      { name: 'waf_hits_total', value: 1, ...one },
      { name: hostile, value: 1, ...one },
    ],
    gauges: [{ name: 'waf_rules', value: Infinity, ...one }],
    histograms: [{ name: 'waf_seconds', sum: 1, count: 1, buckets: [{ le: 1, count: 1 }], ...one }],
  });
  const input = metrics.exportPrometheus();
  expect(() => execFileSync('promtool', ['check', 'metrics'], { input, stdio: 'pipe' })).not.toThrow();
  expect(input.match(/^waf_hits_total\{/gm)).toHaveLength(1);
});
