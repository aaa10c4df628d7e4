import { serveAgent, type Agent, type AgentServer } from '@agentwire/agent';
import type { Hello, RequestHeaders, Transport } from '@agentwire/core';
import { connectSession, type EventBody, type ProxySession } from '@agentwire/core/session';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { onTestFinished } from 'vitest';

/** A proxy that understands everything. */
const PROXY: Hello = {
  role: 'proxy',
  name: 'test-proxy',
  version: '1',
  features: [
    'streaming',
    'cancellation',
    'request_complete',
    'websocket',
    'guardrails',
    'config_push',
    'lifecycle',
    'errors',
    'slot_ids',
  ],
  encodings: ['json'],
};

type Head = Omit<RequestHeaders, 'id' | 'type'> & { readonly type: 'requestHeaders' };

/** The head of a request. */
export function head(uri: string, more: Partial<Head> = {}): Head {
  return {
    type: 'requestHeaders',
    method: 'GET',
    uri,
    headers: ['Host', 'example.test'],
    hasBody: false,
    metadata: {
      correlationId: 'c-1',
      requestId: 'r-1',
      clientIp: '192.0.2.1',
      clientPort: 4000,
      protocol: 'HTTP/1.1',
      timestamp: '2025-01-01T00:00:00Z',
    },
    ...more,
  };
}

/** A request body chunk of text. */
export function chunk(index: number, text: string, last: boolean): EventBody & { type: 'requestBodyChunk' } {
  return { type: 'requestBodyChunk', index, data: Buffer.from(text), last };
}

/** An agent with one proxy's session on it. */
export interface Stage {
  readonly server: AgentServer;
  readonly session: ProxySession;
}

/** Serves `agent` and connects to it, in memory by default, until the test is over. */
export async function stage(
  agent: Agent<never>,
  transport: Transport = createMemoryTransport(),
  address = 'memory:agent',
): Promise<Stage> {
  const server = await serveAgent(agent, { transports: [transport], listen: [address] });
  const session = await connectSession(transport, server.endpoints[0] ?? '', { self: PROXY, keepalive: false });
  onTestFinished(async () => {
    await session.close();
    await server.close();
  });
  return { server, session };
}
