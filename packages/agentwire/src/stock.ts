// The one place where pool and agent meet the transports that agentwire comes with.
import {
  type Agent,
  type AgentServer,
  serveAgent as serveAgentOn,
  type ServeAgentOptions as ServeOptions,
} from '@agentwire/agent';
import type { Transport } from '@agentwire/core';
import { checkObject, checkOptions, OPTION } from '@agentwire/core/internal';
import { AgentPool as Pool, type AgentPoolOptions } from '@agentwire/pool';
import { createGrpcTransport, type GrpcTlsOptions } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';

/** Options of {@link stockTransports}. */
export interface StockTransportOptions {
  /** Keys and certificates for `grpcs:` and `tls:`. */
  readonly tls?: GrpcTlsOptions;
}

/** Options of {@link serveAgent}: `transports` default to the stock ones. */
export type ServeAgentOptions = Omit<ServeOptions, 'transports'> & Partial<Pick<ServeOptions, 'transports'>>;

const memory = createMemoryTransport();

/** Every transport that agentwire comes with: `unix:`, `grpc:`, `grpcs:`, `tcp:`, `tls:` and `memory:` (one for the process). */
export function stockTransports(options: StockTransportOptions = {}): Transport[] {
  checkOptions('stockTransports', options, { tls: OPTION.object });
  const tls = options.tls === undefined ? {} : { tls: options.tls };
  return [createUdsTransport(), createGrpcTransport(tls), createTcpTransport(tls), memory];
}

/** The pool of `@agentwire/pool` with the stock transports: `new AgentPool()` reaches every kind of endpoint. */
export class AgentPool extends Pool {
  constructor(options: AgentPoolOptions = {}) {
    super({ transports: stockTransports(), ...checkObject('the options of AgentPool', options) });
  }
}

/** Makes an {@link AgentPool}. */
export function createAgentPool(options?: AgentPoolOptions): AgentPool {
  return new AgentPool(options);
}

/** Serves an agent with the stock transports; see `serveAgent` of `@agentwire/agent`. */
export function serveAgent(agent: Agent, options: ServeAgentOptions): Promise<AgentServer> {
  return serveAgentOn(agent, { transports: stockTransports(), ...checkObject('the options of serveAgent', options) });
}
