// Combines pool and agent with the stock transports.
import { createRequire } from 'node:module';
import {
  type Agent,
  type AgentServer,
  serveAgent as serveAgentOn,
  type ServeAgentOptions as ServeOptions,
} from '@agentwire/agent';
import type { Logger, Transport } from '@agentwire/core';
import { checkObject, checkOptions, OPTION, stderrLogger } from '@agentwire/core/internal';
import type { Gateway, GatewayOptions } from '@agentwire/gateway';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';

import { createGrpcTransport, type GrpcTlsOptions } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport, type SocketFileOptions } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';

/** Options of {@link stockTransports}. */
export interface StockTransportOptions {
  /** Keys and certificates for `grpcs:`, `tls:` and `wss:`. */
  readonly tls?: GrpcTlsOptions;
  /** Mode and group of the Unix sockets that are bound; default mode 0o600, this user alone. */
  readonly sockets?: SocketFileOptions;
  /** Logger of the transports; default: warnings and errors to stderr. */
  readonly logger?: Logger;
}

/** Options of {@link serveAgent}: `transports` default to the stock ones. */
export type ServeAgentOptions = Omit<ServeOptions, 'transports'> & Partial<Pick<ServeOptions, 'transports'>>;

const memory = createMemoryTransport();

/** Makes every transport of agentwire: `unix:`, `grpc:`, `grpcs:`, `grpc+unix:`, `tcp:`, `tls:`, `ws:`, `wss:` and `memory:` (one per process). */
export function stockTransports(options: StockTransportOptions = {}): Transport[] {
  checkOptions('stockTransports', options, { tls: OPTION.object, sockets: OPTION.object, logger: OPTION.logger });
  const { tls, sockets, logger = stderrLogger } = options;
  const secured = { logger, ...(tls !== undefined && { tls }) };
  return [
    createUdsTransport({ ...sockets, logger }),
    createGrpcTransport({ ...sockets, ...secured }),
    createTcpTransport(secured),
    createWebSocketTransport(secured),
    memory,
  ];
}

/** Logger of the options, and stock transports that log to it. */
function withStock<T extends { readonly logger?: Logger | undefined }>(what: string, options: T): T & Stock {
  const logger = checkObject(what, options).logger ?? stderrLogger;
  return { transports: stockTransports({ logger }), ...options, logger };
}

interface Stock {
  readonly transports: readonly Transport[];
  readonly logger: Logger;
}

/** Pool of `@agentwire/pool` with the stock transports, which writes warnings and errors to stderr; exported as `AgentPool`, so that `new AgentPool()` reaches every kind of endpoint. */
export class StockAgentPool extends AgentPool {
  constructor(options: AgentPoolOptions = {}) {
    super(withStock('the options of AgentPool', options));
  }
}

/** Makes an `AgentPool` with the stock transports. */
export function createAgentPool(options?: AgentPoolOptions): StockAgentPool {
  return new StockAgentPool(options);
}

/** Serves an agent with the stock transports, and writes warnings and errors to stderr; see `serveAgent` of `@agentwire/agent`. */
export function serveAgent(agent: Agent, options: ServeAgentOptions): Promise<AgentServer> {
  return serveAgentOn(agent, withStock('the options of serveAgent', options));
}

const require = createRequire(import.meta.url);

/**
 * Creates a reverse proxy; see `createGateway` of `@agentwire/gateway`, which is loaded here (70 files): most programs serve an agent
 * or ask a pool.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function createGateway(options: GatewayOptions): Gateway {
  const loaded = require('@agentwire/gateway') as typeof import('@agentwire/gateway');
  return loaded.createGateway(options);
}
