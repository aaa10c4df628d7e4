import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Capabilities, type Decision, EVENT_TYPES, FEATURES, type ProxyEvent } from '@agentwire/core';
import { type AgentRequest, serveSessions } from '@agentwire/core/session';
import {
  createGateway,
  type Gateway,
  type GatewayOptions,
  type ListenOptions,
  type RequestSummary,
} from '@agentwire/gateway';
import { AgentPool, type AddAgentOptions, type AgentPoolOptions } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { onTestFinished } from 'vitest';

type Answering = (event: ProxyEvent, request: AgentRequest) => Decision | Promise<Decision>;

const CAPABILITIES: Capabilities = {
  events: EVENT_TYPES,
  streaming: true,
  cancellation: true,
  flowControl: false,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
};

/** Answers with what it got: method, url, headers and body as JSON. */
export const echo: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts).toString();
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-upstream', '1');
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
};

export interface Agents {
  readonly [name: string]:
    Answering | { readonly on: Answering; readonly add?: AddAgentOptions; readonly events?: Capabilities['events'] };
}

/** A real gateway before a real upstream, its agents in memory and on the gateway's clock; all closed after the test. */
export async function setup(
  agents: Agents,
  options: Partial<GatewayOptions> = {},
  upstream: RequestListener = echo,
  listen: ListenOptions = {},
  poolOptions: AgentPoolOptions = {},
): Promise<{
  url: string;
  gateway: Gateway;
  pool: AgentPool;
  summaries: RequestSummary[];
  ended: (count: number) => Promise<void>;
}> {
  const { clock } = options;
  const transport = createMemoryTransport(clock && { clock });
  const pool = new AgentPool({ transports: [transport], connectionsPerAgent: 1, clock, ...poolOptions });
  for (const [name, agent] of Object.entries(agents)) {
    const { on, add, events } = typeof agent === 'function' ? { on: agent, add: {}, events: EVENT_TYPES } : agent;
    const capabilities = { ...CAPABILITIES, events: events ?? EVENT_TYPES };
    const self = { role: 'agent' as const, name, version: '1', features: FEATURES, encodings: ['json'], capabilities };
    const listener = await serveSessions(transport, `memory:${name}`, { onEvent: on }, { self });
    onTestFinished(() => listener.close());
    await pool.addAgent(name, `memory:${name}`, add ?? {});
  }
  const server = createServer(upstream);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const summaries: RequestSummary[] = [];
  const waiting: (() => void)[] = [];
  const gateway = createGateway({
    pool,
    upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agents: Object.keys(agents),
    onRequestEnd: (summary) => {
      summaries.push(summary);
      for (const check of waiting) check();
    },
    ...options,
  });
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: await gateway.listen(listen),
    gateway,
    pool,
    summaries,
    ended: (count) =>
      new Promise((resolve) => {
        const check = (): void => void (summaries.length >= count && resolve());
        waiting.push(check);
        check();
      }),
  };
}
