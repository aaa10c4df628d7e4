import {
  AgentwireError,
  checkInteger,
  checkKnownOptions,
  checkOneOf,
  type Clock,
  type Logger,
  type MetricsRecorder,
  noMetrics,
  silentLogger,
  systemClock,
  type Transport,
} from '@agentwire/core';
import { type BackoffOptions, resolveBackoff } from '@agentwire/core/session';
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

const KNOWN = [...Object.keys(POOL_DEFAULTS), 'transports', 'reconnect', 'clock', 'logger', 'metrics'];

function invalid(message: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', message);
}

function checkTransports(transports: readonly Transport[]): readonly Transport[] {
  const good = Array.isArray(transports) && transports.every((one) => Array.isArray(one?.schemes));
  if (!good) throw invalid('transports must be a list of Transport objects');
  return transports;
}

function checkName(name: string): string {
  if (typeof name !== 'string' || name === '') throw invalid('name must be a text that is not empty');
  return name;
}

/** Another word than these two makes the released crate refuse the whole handshake. */
function checkEncodings(encodings: readonly string[]): readonly string[] {
  if (!Array.isArray(encodings)) throw invalid('encodings must be a list of json and msgpack');
  return encodings.map((encoding) => checkOneOf('encodings', encoding, ['json', 'msgpack']));
}

function resolveStrategy(strategy: string | LoadBalanceStrategy): LoadBalanceStrategy {
  if (typeof strategy === 'string') return strategyNamed(strategy);
  if (typeof strategy?.pick === 'function' && typeof strategy.forAgent === 'function') return strategy;
  throw invalid('loadBalanceStrategy must be a name or an object with pick and forAgent');
}

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolvePoolOptions(options: AgentPoolOptions = {}): ResolvedPoolOptions {
  checkKnownOptions('AgentPool', options, KNOWN);
  const given = { ...POOL_DEFAULTS, ...options };
  const hour = 3_600_000;
  return {
    transports: checkTransports(options.transports ?? []),
    connectionsPerAgent: checkInteger('connectionsPerAgent', given.connectionsPerAgent, 1, 1024),
    strategy: resolveStrategy(given.loadBalanceStrategy),
    requestTimeoutMs: checkInteger('requestTimeoutMs', given.requestTimeoutMs, 1, 24 * hour),
    connectTimeoutMs: checkInteger('connectTimeoutMs', given.connectTimeoutMs, 1, hour),
    maxConcurrentPerConnection: checkInteger('maxConcurrentPerConnection', given.maxConcurrentPerConnection, 1, 65_536),
    maxQueuedPerAgent: checkInteger('maxQueuedPerAgent', given.maxQueuedPerAgent, 0, 1_000_000),
    drainTimeoutMs: checkInteger('drainTimeoutMs', given.drainTimeoutMs, 0, 24 * hour),
    correlationAffinityTtlMs: checkInteger('correlationAffinityTtlMs', given.correlationAffinityTtlMs, 1, 24 * hour),
    maxCorrelationAffinities: checkInteger('maxCorrelationAffinities', given.maxCorrelationAffinities, 1, 10_000_000),
    reconnect: resolveBackoff(options.reconnect),
    name: checkName(given.name),
    encodings: checkEncodings(given.encodings),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    metrics: options.metrics ?? noMetrics,
  };
}
