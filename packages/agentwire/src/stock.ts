// Combines pool and agent with the stock transports.
import {
  type Agent,
  type AgentServer,
  serveAgent as serveAgentOn,
  type ServeAgentOptions as ServeOptions,
} from '@agentwire/agent';
import type { Transport } from '@agentwire/core';
import { checkObject, checkOptions, OPTION } from '@agentwire/core/internal';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { createGrpcTransport, type GrpcTlsOptions } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';

/** Options of {@link stockTransports}. */
export interface StockTransportOptions {
  /** Keys and certificates for `grpcs:`, `tls:` and `wss:`. */
  readonly tls?: GrpcTlsOptions;
}

/** Options of {@link serveAgent}: `transports` default to the stock ones. */
export type ServeAgentOptions = Omit<ServeOptions, 'transports'> & Partial<Pick<ServeOptions, 'transports'>>;

const memory = createMemoryTransport();

/** Makes every transport of agentwire: `unix:`, `grpc:`, `grpcs:`, `tcp:`, `tls:`, `ws:`, `wss:` and `memory:` (one per process). */
export function stockTransports(options: StockTransportOptions = {}): Transport[] {
  checkOptions('stockTransports', options, { tls: OPTION.object });
  const tls = options.tls === undefined ? {} : { tls: options.tls };
  return [
    createUdsTransport(),
    createGrpcTransport(tls),
    createTcpTransport(tls),
    createWebSocketTransport(tls),
    memory,
  ];
}

/** Pool of `@agentwire/pool` with the stock transports; exported as `AgentPool`, so that `new AgentPool()` reaches every kind of endpoint. */
export class StockAgentPool extends AgentPool {
  constructor(options: AgentPoolOptions = {}) {
    super({ transports: stockTransports(), ...checkObject('the options of AgentPool', options) });
  }
}

/** Makes an `AgentPool` with the stock transports. */
export function createAgentPool(options?: AgentPoolOptions): StockAgentPool {
  return new StockAgentPool(options);
}

/** Serves an agent with the stock transports; see `serveAgent` of `@agentwire/agent`. */
export function serveAgent(agent: Agent, options: ServeAgentOptions): Promise<AgentServer> {
  return serveAgentOn(agent, { transports: stockTransports(), ...checkObject('the options of serveAgent', options) });
}
