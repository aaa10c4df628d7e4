import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import type { Transport } from '@agentwire/core';
import { MetricsCollector } from '@agentwire/metrics';
import { AgentPool } from '@agentwire/pool';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `unix:${join(folder, 'a.sock')}`;
}

const LANES: readonly [string, () => Transport, () => string][] = [
  ['uds', createUdsTransport, socketPath],
  ['grpc', createGrpcTransport, () => 'grpc://127.0.0.1:0'],
];

describe.each(LANES)('metrics that an agent reports over %s', (_name, createTransport, address) => {
  /** Serves an agent with metrics of its own, and a pool that has it as `waf`. */
  async function reporting(): Promise<{ own: MetricsCollector; seen: MetricsCollector; pool: AgentPool }> {
    const own = new MetricsCollector();
    const agent = defineAgent({ name: 'rules', version: '1', onRequestHeaders: () => allow() });
    const server = await serveAgent(agent, {
      transports: [createTransport()],
      listen: [address()],
      reportIntervalMs: 100,
      metrics: own,
    });
    onTestFinished(() => server.close());
    const seen = new MetricsCollector();
    const pool = new AgentPool({ transports: [createTransport()], metrics: seen, connectionsPerAgent: 2 });
    onTestFinished(() => pool.close());
    await pool.addAgent('waf', server.endpoints[0] ?? '');
    return { own, seen, pool };
  }

  test('appear with the name that the pool gave it, once, and leave with it', async () => {
    const { own, seen, pool } = await reporting();
    own.count('waf_rules_hit_total', { rule: 'lfi', agent: 'another' }, 3);
    own.gauge('waf_rules_loaded', {}, 17);
    own.observe('waf_match_seconds', {}, 0.002);
    await pool.request('waf', { type: 'requestHeaders', id: 1, method: 'GET', uri: '/', headers: [] }, { only: true });
    await vi.waitFor(() => expect(seen.exportPrometheus()).toContain('agent_events_total{agent="waf"} 1\n'), 5_000);
    await vi.waitFor(() => expect(seen.exportPrometheus()).toContain('waf_rules_loaded{agent="waf"} 17\n'), 5_000);
    const page = seen.exportPrometheus();
    expect(page).toContain('waf_rules_hit_total{rule="lfi",agent="waf"} 3\n');
    expect(page).toContain('waf_match_seconds_bucket{agent="waf",le="0.0025"} 1\n');
    expect(page).toContain('waf_match_seconds_count{agent="waf"} 1\n');
    expect(page).toContain('agent_decisions_total{decision="allow",agent="waf"} 1\n');
    expect(page).not.toContain('agent="rules"');
    expect(page).not.toContain('agent="another"');
    // two connections bring the same report
    expect(page.match(/^waf_rules_loaded\{/gm)).toHaveLength(1);

    await pool.removeAgent('waf');
    expect(seen.exportPrometheus()).not.toContain('agent="waf"');
  });

  test('are bounded, and cannot use names of the pool', async () => {
    const { own, seen } = await reporting();
    for (let at = 0; at < 1_500; at++) own.count('waf_paths_total', { path: `/${at}` });
    own.gauge('agent_connections_active', { agent: 'waf' }, 99);
    await vi.waitFor(() => expect(seen.exportPrometheus()).toContain('waf_paths_total'), 5_000);
    const page = seen.exportPrometheus();
    expect(page.match(/^waf_paths_total\{/gm)?.length).toBeLessThanOrEqual(1_000);
    expect(page).toContain('agent_connections_active{agent="waf"} 2\n');
    expect(page).toMatch(/^agentwire_metrics_dropped_total\{reason="\w+"\} \d+$/m);
  });
});

const thrown = (): never => {
  throw new Error('no');
};

test.each([
  ['throws', thrown],
  ['is async by mistake, and rejects,', () => Promise.reject(new Error('no')) as never],
])('a source of metrics that %s leaves the rest of a report as it is', async (_, report) => {
  const errors: string[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_fields: object, message: string) => void errors.push(message),
  };
  const server = await serveAgent(defineAgent({ name: 'a', version: '1', onRequestHeaders: () => allow() }), {
    transports: [createUdsTransport()],
    listen: [socketPath()],
    reportIntervalMs: 100,
    metrics: { report },
    logger,
  });
  onTestFinished(() => server.close());
  const seen = new MetricsCollector();
  const pool = new AgentPool({ transports: [createUdsTransport()], metrics: seen });
  onTestFinished(() => pool.close());
  await pool.addAgent('waf', server.endpoints[0] ?? '');
  await vi.waitFor(() => expect(seen.exportPrometheus()).toContain('agent_events_total{agent="waf"} 0\n'), 5_000);
  expect(errors).toContain("the source of an agent's own metrics failed");
});
