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
  expect(Number(head.headers['content-length'])).toBeGreaterThan(100);
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
test.skipIf(!promtool)('promtool accepts the page', () => {
  const metrics = filled();
  metrics.gauge('agentwire_test_ratio', { hostile: '\u0000\u202e"\\\n{}', other: '\ud800' }, 0.5);
  expect(() =>
    execFileSync('promtool', ['check', 'metrics'], { input: metrics.exportPrometheus(), stdio: 'pipe' }),
  ).not.toThrow();
});
