import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOW, DEFAULT_CAPABILITIES, FEATURES, type HealthStatus, type Transport } from 'agentwire/core';
import { createAgentPool } from 'agentwire/pool';
import { serveSessions } from 'agentwire/session';
import { createUdsTransport } from 'agentwire/transport-uds';
import { expect, onTestFinished, test, vi } from 'vitest';
import { stockTransports } from '../src/index.ts';
import { waysOf } from './ways.ts';

const REPORT: HealthStatus = {
  type: 'healthStatus',
  agentId: 'waf',
  state: 'unhealthy',
  unhealthyReason: 'no rules',
  recoverable: true,
  timestampMs: 1_735_689_600_000,
};

test.each(waysOf('reports'))('an agent that reports unhealthy is unhealthy in the pool, over %s', async (_, way) => {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const { dialect, encodings } = way;
  const transports: Transport[] =
    dialect === undefined ? stockTransports() : [createUdsTransport({ dialect }), ...stockTransports()];
  const pool = createAgentPool({ transports, connectionsPerAgent: 2, ...(encodings !== undefined && { encodings }) });
  const listen = way.listen === 'unix:' ? `unix:${folder}/a.sock` : way.listen;
  const transport = transports.find(({ schemes }) => schemes.includes(listen.split(':')[0] ?? ''));
  if (transport === undefined) throw new Error(`no transport for ${listen}`);
  const listener = await serveSessions(
    transport,
    listen,
    { onEvent: () => ALLOW },
    {
      self: {
        role: 'agent',
        name: 'waf',
        version: '1',
        features: FEATURES,
        encodings: ['msgpack', 'json'],
        capabilities: { ...DEFAULT_CAPABILITIES, events: ['requestHeaders'], healthReporting: true },
      },
    },
  );
  onTestFinished(async () => {
    await pool.close();
    await listener.close();
    rmSync(folder, { recursive: true });
  });
  await pool.addAgent('waf', listener.address);
  await vi.waitFor(() => expect(listener.sessions.size).toBe(2));
  expect(pool.getHealth('waf')).toMatchObject({ state: 'healthy', healthyConnections: 2 });
  for (const session of listener.sessions) expect(session.notify(REPORT)).toBe(true);
  await vi.waitFor(() => expect(pool.getHealth('waf').state).toBe('unhealthy'));
  expect(pool.getHealth('waf')).toMatchObject({ healthyConnections: 0, totalConnections: 2, successRate: 1 });
  for (const session of listener.sessions) session.notify({ ...REPORT, state: 'healthy' });
  await vi.waitFor(() => expect(pool.getHealth('waf')).toMatchObject({ state: 'healthy', healthyConnections: 2 }));
});
