import { EVENT_TYPES, FEATURES, type Capabilities, type Decision, type ProxyEvent } from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { AgentPool, type AddAgentOptions, type AgentPoolOptions } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { onTestFinished } from 'vitest';

const CAPABILITIES: Capabilities = {
  events: EVENT_TYPES,
  streaming: true,
  cancellation: true,
  flowControl: false,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
};

/** Pool with one agent `waf` in memory; closed after the test. */
export async function poolWith(
  onEvent: (event: ProxyEvent) => Decision | Promise<Decision>,
  events: Capabilities['events'] = EVENT_TYPES,
  options: AgentPoolOptions = {},
  agent: AddAgentOptions = {},
): Promise<AgentPool> {
  const transport = createMemoryTransport();
  const pool = new AgentPool({ transports: [transport], connectionsPerAgent: 1, ...options });
  const capabilities = { ...CAPABILITIES, events };
  const self = {
    role: 'agent' as const,
    name: 'waf',
    version: '1',
    features: FEATURES,
    encodings: ['json'],
    capabilities,
  };
  const listener = await serveSessions(transport, 'memory:waf', { onEvent }, { self });
  onTestFinished(async () => {
    await pool.close();
    await listener.close();
  });
  await pool.addAgent('waf', 'memory:waf', agent);
  return pool;
}
