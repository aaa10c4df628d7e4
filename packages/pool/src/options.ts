import { type Clock, type Logger, type MetricsRecorder, systemClock, type Transport } from '@agentwire/core';
import {
  checkOptions,
  noMetrics,
  OPTION,
  type OptionTable,
  countRepeats,
  silentLogger,
} from '@agentwire/core/internal';
import type { BackoffOptions } from '@agentwire/core/session';
import { BACKOFF_TABLE, resolveBackoff } from '@agentwire/core/session/internal';
import { type LoadBalanceStrategy, type LoadBalanceStrategyName, strategyNamed } from './load-balancing.ts';

/** How an `AgentPool` treats every agent; Agent Protocol v2, AgentPoolConfig. */
export interface AgentPoolOptions {
  /** Ways to reach agents; the pool itself knows none. The umbrella package `agentwire` hands in the stock ones. */
  readonly transports?: readonly Transport[];
  /** Connections kept open to each agent, 1 to 1 024; default 4. */
  readonly connectionsPerAgent?: number;
  /** Which connection gets a new request; default `leastConnections`. */
  readonly loadBalanceStrategy?: LoadBalanceStrategyName | LoadBalanceStrategy;
  /** How long an answer may take, in milliseconds; default 30 000. Past it: `ERR_TIMEOUT`. */
  readonly requestTimeoutMs?: number;
  /** How long dialling and handshake may take, in milliseconds; default 5 000. */
  readonly connectTimeoutMs?: number;
  /** Unanswered events at a time on a connection; default 100, lowered to what the agent announces. */
  readonly maxConcurrentPerConnection?: number;
  /** Requests that may wait for a free connection of an agent; default 1 024. Past it: `ERR_OVERLOADED`. */
  readonly maxQueuedPerAgent?: number;
  /** How long `drain` waits for requests in flight, in milliseconds; default 30 000. */
  readonly drainTimeoutMs?: number;
  /** How long a request is remembered without an event, in milliseconds; default 300 000. Not for one that is asked with `keep`. */
  readonly correlationAffinityTtlMs?: number;
  /** Requests of an agent that are remembered; default 100 000. Past it a new one is `ERR_OVERLOADED`. */
  readonly maxCorrelationAffinities?: number;
  /**
   * Waits between attempts to connect; there is no limit of attempts. A request for an agent that is not connected makes
   * one attempt before its turn, every 250 ms at most, so that an agent is found soon after a long outage too.
   */
  readonly reconnect?: BackoffOptions;
  /** Name that agents are told in the handshake; default `agentwire`. */
  readonly name?: string;
  /** Encodings to offer, the best first; default `msgpack`, `json`. */
  readonly encodings?: readonly string[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where measurements go; default nowhere. */
  readonly metrics?: MetricsRecorder;
}

/** What {@link AgentPoolOptions} default to. */
export const POOL_DEFAULTS: {
  readonly connectionsPerAgent: number;
  readonly loadBalanceStrategy: LoadBalanceStrategyName;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxConcurrentPerConnection: number;
  readonly maxQueuedPerAgent: number;
  readonly drainTimeoutMs: number;
  readonly correlationAffinityTtlMs: number;
  readonly maxCorrelationAffinities: number;
  readonly name: string;
  readonly encodings: readonly string[];
} = {
  connectionsPerAgent: 4,
  loadBalanceStrategy: 'leastConnections',
  requestTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  maxConcurrentPerConnection: 100,
  maxQueuedPerAgent: 1024,
  drainTimeoutMs: 30_000,
  correlationAffinityTtlMs: 300_000,
  maxCorrelationAffinities: 100_000,
  name: 'agentwire',
  encodings: ['msgpack', 'json'],
};

/** Options with every default filled in and checked. */
export interface ResolvedPoolOptions extends Required<Omit<AgentPoolOptions, 'loadBalanceStrategy' | 'reconnect'>> {
  readonly strategy: LoadBalanceStrategy;
  readonly reconnect: Required<BackoffOptions>;
}

const DAY_MS = 86_400_000;

function checkStrategy(name: string, value: unknown): void {
  if (typeof value !== 'string') OPTION.methods('pick', 'forAgent')(name, value);
  else strategyNamed(value);
}

const TABLE: OptionTable<AgentPoolOptions> = {
  transports: OPTION.listOf(OPTION.methods('connect', 'listen')),
  connectionsPerAgent: OPTION.integer(1, 1024),
  loadBalanceStrategy: checkStrategy,
  requestTimeoutMs: OPTION.integer(1, DAY_MS),
  connectTimeoutMs: OPTION.integer(1, 3_600_000),
  maxConcurrentPerConnection: OPTION.integer(1, 65_536),
  maxQueuedPerAgent: OPTION.integer(0, 1_000_000),
  drainTimeoutMs: OPTION.integer(0, DAY_MS),
  correlationAffinityTtlMs: OPTION.integer(1, DAY_MS),
  maxCorrelationAffinities: OPTION.integer(1, 10_000_000),
  reconnect: OPTION.nested(BACKOFF_TABLE),
  name: OPTION.text,
  // another word than these two makes the released crate refuse the whole handshake
  encodings: OPTION.listOf(OPTION.oneOf('json', 'msgpack')),
  clock: OPTION.clock,
  logger: OPTION.logger,
  metrics: OPTION.methods('count', 'gauge', 'observe'),
};

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolvePoolOptions(options: AgentPoolOptions = {}): ResolvedPoolOptions {
  checkOptions('AgentPool', options, TABLE);
  // an option that is there but undefined has its default, too
  const given = { ...POOL_DEFAULTS, ...definedOf(options) };
  const { loadBalanceStrategy: strategy } = given;
  return {
    connectionsPerAgent: given.connectionsPerAgent,
    requestTimeoutMs: given.requestTimeoutMs,
    connectTimeoutMs: given.connectTimeoutMs,
    maxConcurrentPerConnection: given.maxConcurrentPerConnection,
    maxQueuedPerAgent: given.maxQueuedPerAgent,
    drainTimeoutMs: given.drainTimeoutMs,
    correlationAffinityTtlMs: given.correlationAffinityTtlMs,
    maxCorrelationAffinities: given.maxCorrelationAffinities,
    name: given.name,
    encodings: given.encodings,
    transports: options.transports ?? [],
    strategy: typeof strategy === 'string' ? strategyNamed(strategy) : strategy,
    reconnect: resolveBackoff(options.reconnect),
    clock: options.clock ?? systemClock,
    logger: countRepeats(options.logger ?? silentLogger, options.clock ?? systemClock),
    metrics: options.metrics ?? noMetrics,
  };
}

function definedOf(options: AgentPoolOptions): AgentPoolOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
