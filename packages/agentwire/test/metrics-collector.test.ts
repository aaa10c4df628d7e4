import { MetricsCollector } from '@agentwire/metrics';
import { AgentPool, allow, defineAgent, serveAgent } from 'agentwire';
import { expect, onTestFinished, test } from 'vitest';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const head = { type: 'requestHeaders', id: 1, method: 'GET', uri: '/', headers: [], hasBody: false } as const;

async function poolOf(options: ConstructorParameters<typeof AgentPool>[0] = {}): Promise<AgentPool> {
  const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });
  const server = await serveAgent(agent, { listen: ['memory:collector'], logger: quiet });
  onTestFinished(() => server.close());
  const pool = new AgentPool({ connectionsPerAgent: 2, logger: quiet, ...options });
  onTestFinished(() => pool.close());
  await pool.addAgent('waf', server.endpoints[0] ?? '');
  return pool;
}

test('a pool without metrics has a collector that counts from the first call on, and has the gauges of before', async () => {
  const pool = await poolOf();
  await pool.request('waf', head, { only: true });
  const metrics = pool.metricsCollector();
  expect(pool.metricsCollector()).toBe(metrics);
  expect(metrics.snapshot()).toMatchObject({ totalRequests: 0, activeConnections: 2 });
  await pool.request('waf', head, { only: true });
  expect(metrics.snapshot().totalRequests).toBe(1);
  expect(metrics.exportPrometheus()).toContain('agent_requests_total{agent="waf",decision="allow"} 1\n');
  expect(metrics.exportPrometheus()).toContain('agent_in_flight_requests{agent="waf"} 0\n');
});

test('a pool with metrics gives what it was given', async () => {
  const metrics = new MetricsCollector();
  const pool = await poolOf({ metrics });
  expect(pool.metricsCollector()).toBe(metrics);
  await pool.request('waf', head, { only: true });
  expect(metrics.snapshot().totalRequests).toBe(1);
});
