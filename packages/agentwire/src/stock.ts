// Combines pool and agent with the stock transports.
import { createRequire } from 'node:module';
import {
  type Agent,
  type AgentServer,
  serveAgent as serveAgentOn,
  type ServeAgentOptions as ServeOptions,
} from '@agentwire/agent';
import type { Logger, Transport } from '@agentwire/core';
import { checkObject, checkOptions, chosenLogger, OPTION, stderrLogger } from '@agentwire/core/internal';
import type { Gateway, GatewayOptions } from '@agentwire/gateway';
import type { MetricsCollector } from '@agentwire/metrics';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';

import { createGrpcTransport, type GrpcTlsOptions } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport, type SocketFileOptions } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';

/** Options of {@link stockTransports}. */
export interface StockTransportOptions {
  /** Keys and certificates for `grpcs:`, `tls:` and `wss:`. */
  readonly tls?: GrpcTlsOptions | undefined;
  /** Mode and group of the Unix sockets that are bound; default mode 0o600, this user alone. */
  readonly sockets?: SocketFileOptions | undefined;
  /** Logger of the transports; default: warnings and errors to stderr. `false` for none. */
  readonly logger?: Logger | false | undefined;
}

/** Logger of what the root of `agentwire` puts together. */
interface StockLogging {
  /** Default: warnings and errors to stderr. `false` for none. */
  readonly logger?: Logger | false | undefined;
}

/** Options of {@link serveAgent}: `transports` default to the stock ones. */
export type ServeAgentOptions = Omit<ServeOptions, 'transports' | 'logger'> &
  Partial<Pick<ServeOptions, 'transports'>> &
  StockLogging;

/** Options of `AgentPool`: `transports` default to the stock ones. */
export type StockAgentPoolOptions = Omit<AgentPoolOptions, 'logger'> & StockLogging;

const require = createRequire(import.meta.url);
const memory = createMemoryTransport();

/** Makes every transport of agentwire: `unix:`, `grpc:`, `grpcs:`, `grpc+unix:`, `tcp:`, `tls:`, `ws:`, `wss:` and `memory:` (one per process). */
export function stockTransports(options: StockTransportOptions = {}): Transport[] {
  checkOptions('stockTransports', options, {
    tls: OPTION.object,
    sockets: OPTION.object,
    logger: OPTION.loggerOrFalse,
  });
  const { tls, sockets } = options;
  const logger = chosenLogger(options.logger, stderrLogger);
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
function withStock<T extends StockLogging>(what: string, options: T): Omit<T, 'logger'> & Stock {
  const logger = chosenLogger(checkObject(what, options).logger, stderrLogger);
  return { transports: stockTransports({ logger }), ...options, logger };
}

interface Stock {
  readonly transports: readonly Transport[];
  readonly logger: Logger;
}

/** Pool of `@agentwire/pool` with the stock transports, which writes warnings and errors to stderr; exported as `AgentPool`, so that `new AgentPool()` reaches every kind of endpoint. */
export class StockAgentPool extends AgentPool {
  #measures: boolean;

  constructor(options: StockAgentPoolOptions = {}) {
    super(withStock('the options of AgentPool', options));
    this.#measures = options.metrics !== undefined;
  }

  /**
   * Returns the collector of the pool: the recorder that it was given as `metrics`, as it is, else a `MetricsCollector` that the first call
   * makes. Such a one counts from then on, so call it before the first request; a pool that is never asked for it measures nothing.
   * Agent Protocol v2, `metrics_collector`.
   */
  override metricsCollector(): MetricsCollector {
    if (!this.#measures) {
      const { MetricsCollector, observePool } = require('@agentwire/metrics') as typeof import('@agentwire/metrics');
      const collector = new MetricsCollector();
      this.startMetrics(collector);
      observePool(collector, this);
      this.#measures = true;
    }
    return super.metricsCollector() as MetricsCollector;
  }
}

/** Makes an `AgentPool` with the stock transports. */
export function createAgentPool(options?: StockAgentPoolOptions): StockAgentPool {
  return new StockAgentPool(options);
}

/** Serves an agent with the stock transports, and writes warnings and errors to stderr; see `serveAgent` of `@agentwire/agent`. */
export function serveAgent(agent: Agent, options: ServeAgentOptions): Promise<AgentServer> {
  return serveAgentOn(agent, withStock('the options of serveAgent', options));
}

/**
 * Creates a reverse proxy that logs where its pool does; see `createGateway` of `@agentwire/gateway`, which is loaded here (70 files):
 * most programs serve an agent or ask a pool.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function createGateway(options: GatewayOptions): Gateway {
  const loaded = require('@agentwire/gateway') as typeof import('@agentwire/gateway');
  return loaded.createGateway(options);
}
