import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { createAdminServer, createGateway } from '@agentwire/gateway';
import {
  KNOWN_METRICS,
  MetricsCollector,
  metricsHandler,
  observeEventLoop,
  observeGateway,
  observePool,
} from '@agentwire/metrics';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test, vi } from 'vitest';

const value = (page: string, series: string): number =>
  Number(
    page
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );

test('a gateway measures requests by status and decision, parts of their time, bytes and what is in flight', async () => {
  const collector = new MetricsCollector();
  const release = Promise.withResolvers<void>();
  const upstream = createServer((request, response) => {
    if (request.url === '/slow') void release.promise.then(() => response.end('slow'));
    else request.resume().on('end', () => response.end('0123456789'));
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  onTestFinished(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const transport = createMemoryTransport();
  const agent = await serveAgent(
    defineAgent({
      name: 'waf',
      version: '1',
      onRequestHeaders: ({ uri }) => (uri === '/bad' ? block(403) : allow()),
    }),
    { transports: [transport], listen: ['memory:waf'] },
  );
  onTestFinished(() => agent.close());
  const pool = new AgentPool({ transports: [transport], metrics: collector });
  onTestFinished(() => pool.close());
  await pool.addAgent('waf', 'memory:waf');
  const { port } = upstream.address() as AddressInfo;
  const gateway = createGateway({
    pool,
    upstream: `http://127.0.0.1:${port}`,
    agents: ['waf'],
    metrics: collector,
    upstreamConnections: 1,
    maxConcurrentRequests: 2,
  });
  onTestFinished(() => gateway.close());
  const url = await gateway.listen();
  for (const end of [observePool(collector, pool), observeGateway(collector, gateway), observeEventLoop(collector)])
    onTestFinished(end);
  const admin = createAdminServer({ gateway, pool, handlers: { '/metrics': metricsHandler(collector) } });
  onTestFinished(() => admin.close());
  const adminUrl = await admin.listen({});
  const page = async (): Promise<string> => (await fetch(`${adminUrl}/metrics`)).text();

  expect((await fetch(`${url}/bad`)).status).toBe(403);
  expect(await (await fetch(`${url}/`, { method: 'POST', body: '12345' })).text()).toBe('0123456789');
  const first = fetch(`${url}/slow`);
  await vi.waitFor(async () => expect(value(await page(), 'gateway_upstream_connections{state="busy"}')).toBe(1));
  const second = fetch(`${url}/slow`);
  await vi.waitFor(async () => expect(value(await page(), 'gateway_upstream_queue_depth')).toBe(1));
  const during = await page();
  expect(value(during, 'gateway_active_requests')).toBe(2);
  expect((await fetch(url)).status).toBe(503);
  release.resolve();
  await Promise.all([first, second].map(async (one) => (await one).text()));
  await vi.waitFor(async () => expect(value(await page(), 'gateway_active_requests')).toBe(0));

  const after = await page();
  expect(value(after, 'gateway_requests_total{decision="allowed",status="200"}')).toBe(3);
  expect(value(after, 'gateway_requests_total{decision="blocked",status="403"}')).toBe(1);
  expect(value(after, 'gateway_requests_total{decision="overloaded",status="503"}')).toBe(1);
  expect(value(after, 'gateway_request_duration_seconds_count')).toBe(5);
  for (const phase of ['queue', 'upstream'])
    expect(value(after, `gateway_request_phase_seconds_count{phase="${phase}"}`)).toBe(3);
  expect(value(after, 'gateway_request_phase_seconds_count{phase="agents"}')).toBe(4);
  expect(value(after, 'gateway_request_bytes_total')).toBe(5);
  expect(value(after, 'gateway_response_bytes_total')).toBeGreaterThanOrEqual(18);
  expect(value(after, 'gateway_upstream_connections{state="busy"}')).toBe(0);
  expect(value(after, 'gateway_upstream_connections{state="idle"}')).toBe(1);
  upstream.closeAllConnections();
  await vi.waitFor(async () => expect(value(await page(), 'gateway_upstream_connections{state="idle"}')).toBe(0));
  expect(value(after, 'gateway_upstream_queue_depth')).toBe(0);
  expect(value(after, 'process_event_loop_lag_seconds{stat="p99"}')).toBeGreaterThanOrEqual(0);
  for (const { name, series } of collector.families())
    for (const { labels, reportedBy } of series) {
      // what the agent reports has names of its own
      if (reportedBy !== undefined) continue;
      expect([name, ...Object.keys(labels)]).toEqual([name, ...(KNOWN_METRICS[name]?.labels ?? []).toSorted()]);
    }
  expect(value(after, 'agent_requests_total{agent="waf",decision="block"}')).toBe(1);
  expect(
    (await fetch(`${adminUrl}/metrics`, { headers: { accept: 'application/openmetrics-text' } })).headers.get(
      'content-type',
    ),
  ).toContain('openmetrics');
  expect((await fetch(`${adminUrl}/metrics`, { method: 'POST' })).status).toBe(405);
});

test('targets of named upstreams have a state, until a reload removes them', async () => {
  const upstream = createServer((_request, response) => response.writeHead(500).end()).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  onTestFinished(() => void upstream.close());
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const collector = new MetricsCollector();
  const pool = new AgentPool();
  onTestFinished(() => pool.close());
  const healthCheck = { path: '/', intervalMs: 10, unhealthyAfter: 1 };
  const options = { pool, upstream: 'app' };
  const gateway = createGateway({ ...options, upstreams: { app: { targets: [target], healthCheck } } });
  onTestFinished(() => gateway.close());
  onTestFinished(observeGateway(collector, gateway));
  const states = (): string[] =>
    collector
      .exportPrometheus()
      .split('\n')
      .filter((line) => line.startsWith('gateway_upstream_target_state'));
  const series = (url: string, state: number): string =>
    `gateway_upstream_target_state{target="${url}",upstream="app"} ${state}`;
  expect(states()).toEqual([series(target, 0)]);
  await expect.poll(states).toEqual([series(target, 2)]);
  const others = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
  await gateway.reload({ ...options, upstreams: { app: { targets: others } } });
  expect(states()).toEqual(others.map((url) => series(url, 0)));
  await gateway.reload({ ...options, upstream: target });
  expect(states()).toEqual([]);
});
