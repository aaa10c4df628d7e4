import {
  type Capabilities,
  type Decision,
  FEATURES,
  type ProxyEvent,
  type RequestHeaders,
  type Transport,
} from '@agentwire/core';
import {
  type AgentRequest,
  type AgentSessionOptions,
  serveSessions,
  type SessionListener,
} from '@agentwire/core/session';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { onTestFinished } from 'vitest';

export type Answering = (event: ProxyEvent, request: AgentRequest) => Decision | Promise<Decision>;

export const CAPABILITIES: Capabilities = {
  events: ['requestHeaders', 'requestBodyChunk', 'responseHeaders', 'requestComplete'],
  streaming: true,
  cancellation: true,
  flowControl: true,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
};

export const head = (id: number | string, uri = '/'): RequestHeaders => ({
  type: 'requestHeaders',
  id,
  metadata: {
    correlationId: 'c',
    requestId: 'r',
    clientIp: '::1',
    clientPort: 1,
    protocol: 'HTTP/1.1',
    timestamp: '2025-01-01T00:00:00.000Z',
  },
  method: 'GET',
  uri,
  headers: [],
  hasBody: false,
});

/** Lets every promise and immediate that is due run. */
export async function settle(rounds = 10): Promise<void> {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A pool and a memory transport on one manual clock; both are closed after the test. */
export function setup(options: Partial<AgentPoolOptions> = {}): {
  pool: AgentPool;
  transport: Transport;
  clock: ManualClock;
  serve: (
    address: string,
    onEvent: Answering,
    capabilities?: Partial<Capabilities>,
    session?: AgentSessionOptions,
  ) => Promise<SessionListener>;
} {
  const clock = createManualClock();
  const transport = createMemoryTransport({ clock });
  const pool = new AgentPool({ transports: [transport], clock, connectionsPerAgent: 2, ...options });
  onTestFinished(() => pool.close());
  return {
    pool,
    transport,
    clock,
    async serve(address, onEvent, capabilities, session) {
      const self = { role: 'agent' as const, name: 'waf', version: '1', features: FEATURES, encodings: ['json'] };
      const serving = { ...session, clock, self: { ...self, capabilities: { ...CAPABILITIES, ...capabilities } } };
      const listener = await serveSessions(transport, address, { onEvent }, serving);
      onTestFinished(() => listener.close());
      return listener;
    },
  };
}
