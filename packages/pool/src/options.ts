import {
  AgentwireError,
  type Clock,
  type ConfigUpdate,
  type Logger,
  type MetricsRecorder,
  systemClock,
  type Tracer,
  type Transport,
} from '@agentwire/core';
import {
  countRepeats,
  described,
  OPTION,
  type OptionCheck,
  type OptionRow,
  type OptionRows,
  type Resolved,
  resolveOptions,
  SafeRecorder,
  schemaOf,
  silentLogger,
} from '@agentwire/core/internal';
import type { BackoffOptions } from '@agentwire/core/session';
import { BACKOFF_TABLE, resolveBackoff } from '@agentwire/core/session/internal';
import { ADAPTIVE_CONCURRENCY_TABLE, type AdaptiveConcurrencyOptions } from './agent/gradient-limit.ts';
import { DECISION_CACHE_TABLE, type DecisionCacheOptions } from './decision-cache/decision-cache.ts';
import { checkStrategy, type LoadBalanceStrategyName } from './balancing/strategy-option.ts';
import type { LoadBalanceStrategy } from './balancing/strategy.ts';

/** Treatment of new requests for an agent that has paused; see {@link AgentPoolOptions.flowControlMode}. */
export type FlowControlMode = 'failClosed' | 'failOpen' | 'waitAndRetry';

/** Options of an `AgentPool`, the same for every agent; Agent Protocol v2, AgentPoolConfig. */
export interface AgentPoolOptions {
  /** Transports to reach agents with; default none. `AgentPool` of the package `agentwire` has the stock ones. */
  readonly transports?: readonly Transport[] | undefined;
  /** Connections kept open per agent, 1 to 1 024; default 4. */
  readonly connectionsPerAgent?: number | undefined;
  /**
   * Strategy that chooses the connection of a new request, by name, or in code an object of yours; default `leastConnections`: the fewest
   * unanswered events, or the first connection with fewer than 64 that answers within 20 ms where all lead to one process.
   */
  readonly loadBalanceStrategy?: LoadBalanceStrategyName | LoadBalanceStrategy | undefined;
  /** Time that an answer may take, in milliseconds; default 30 000. Past it `ERR_TIMEOUT`. */
  readonly requestTimeoutMs?: number | undefined;
  /** Time that dialling and handshake may take, in milliseconds; default 5 000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Silence of a connection after which the agent is pinged, in milliseconds; default 10 000. Without an answer within 5 s the connection is
   * lost.
   */
  readonly healthCheckIntervalMs?: number | undefined;
  /** Unanswered events per connection; default 100, lowered to what the agent announces. */
  readonly maxConcurrentPerConnection?: number | undefined;
  /**
   * Limit of unanswered events per agent that follows its latency; default none. `{}` has the defaults. Past the limit new requests wait
   * like those that find no free connection. For agents whose capacity changes, or is not known.
   */
  readonly adaptiveConcurrency?: AdaptiveConcurrencyOptions | undefined;
  /**
   * Cache of decisions whose agent says how long they hold and all that they depend on (`cacheFor`), per agent; default none. `{}` has the
   * defaults. For agents that decide by little of a request, as by its path or its credentials.
   */
  readonly decisionCache?: DecisionCacheOptions | undefined;
  /** Requests per agent that may wait for a free connection; default 1 024. Past it `ERR_OVERLOADED`. */
  readonly maxQueuedPerAgent?: number | undefined;
  /**
   * Treatment of a new request while every connection that takes it is paused by the agent: `failClosed` fails it with `ERR_FLOW_PAUSED`,
   * `waitAndRetry` does so after `flowControlWaitTimeoutMs`, `failOpen` allows it without asking. Default `failClosed`. A rule
   * for `flow_paused` or `default` in an agent's `onFailure` decides instead of `failOpen`.
   */
  readonly flowControlMode?: FlowControlMode | undefined;
  /** Time that a request waits for a paused agent in the mode `waitAndRetry`, in milliseconds; default 100. */
  readonly flowControlWaitTimeoutMs?: number | undefined;
  /** Failures in a row (timeouts, protocol errors, overload, lost connections) that open an agent's circuit breaker; default 5. */
  readonly circuitBreakerThreshold?: number | undefined;
  /**
   * Time from the opening of a circuit breaker to its first probe, in milliseconds; default 30 000. Until then requests fail with
   * `ERR_CIRCUIT_OPEN` without being sent. A new connection of the agent ends it at once.
   */
  readonly circuitBreakerResetTimeoutMs?: number | undefined;
  /** Share of failed requests, 0.001 to 1, that opens a circuit breaker too; default `Infinity`: no share does. */
  readonly circuitBreakerErrorRatio?: number | undefined;
  /** Time over which `circuitBreakerErrorRatio` is measured, in milliseconds; default 10 000. */
  readonly circuitBreakerWindowMs?: number | undefined;
  /** Requests within the window from which on `circuitBreakerErrorRatio` applies; default 20. */
  readonly circuitBreakerMinRequests?: number | undefined;
  /**
   * Failures in a row (timeouts, protocol errors, overload) after which one connection gets no new requests while another one can take them;
   * default 5, `Infinity` for none. The last connection of an agent is never ejected.
   */
  readonly outlierEjectionThreshold?: number | undefined;
  /**
   * Time of the first ejection, in milliseconds; default 30 000. A connection that fails again soon is ejected for 2, 3, … 10 times as long.
   * A new session of the connection ends it at once.
   */
  readonly outlierEjectionTimeMs?: number | undefined;
  /** Time that `drain` waits for requests in flight, in milliseconds; default 30 000. */
  readonly drainTimeoutMs?: number | undefined;
  /** Time that a request is remembered without an event, in milliseconds; default 300 000. Not for one that is asked with `keep`. */
  readonly correlationAffinityTtlMs?: number | undefined;
  /** Time after the last request of a sticky session until it ends, in milliseconds; default 300 000. */
  readonly stickySessionTimeoutMs?: number | undefined;
  /** Sticky sessions per agent; default 100 000. Past it a new one is `ERR_OVERLOADED`. */
  readonly maxStickySessions?: number | undefined;
  /** Remembered requests per agent; default 100 000. Past it a new one is `ERR_OVERLOADED`. */
  readonly maxCorrelationAffinities?: number | undefined;
  /**
   * Waits between attempts to connect; the number of attempts has no limit. A request for an agent that is not connected
   * triggers one early attempt, at most every 250 ms, so that an agent is found soon after a long outage too.
   */
  readonly reconnect?: BackoffOptions | undefined;
  /** Name sent to agents in the handshake; default `agentwire`. */
  readonly name?: string | undefined;
  /** Encodings to offer in order of preference; default `msgpack`, `json`. */
  readonly encodings?: readonly string[] | undefined;
  readonly clock?: Clock | undefined;
  /** Default silent. */
  readonly logger?: Logger | undefined;
  /** Receiver of measurements; default none. */
  readonly metrics?: MetricsRecorder | undefined;
  /** Receiver of a client span for every event that an agent is asked; default none. */
  readonly tracer?: Tracer | undefined;
  /**
   * Called when an agent asks for a change of this proxy's configuration. The agent is told that it is accepted once the result
   * is there; an exception refuses, and its message goes to the agent. Default: refused.
   */
  readonly onConfigRequest?: ((agent: string, update: ConfigUpdate) => void | Promise<void>) | undefined;
}

/** Options with every default filled in and checked. */
export interface ResolvedPoolOptions extends Omit<
  Resolved<AgentPoolOptions>,
  'adaptiveConcurrency' | 'decisionCache' | 'metrics' | 'reconnect' | 'tracer'
> {
  readonly metrics: SafeRecorder;
  readonly tracer: Tracer | undefined;
  readonly adaptiveConcurrency: Resolved<AdaptiveConcurrencyOptions> | undefined;
  readonly decisionCache: Resolved<DecisionCacheOptions> | undefined;
  readonly reconnect: Required<BackoffOptions>;
}

const DAY_MS = 86_400_000;

/** Check of an option that `Infinity` switches off. */
function orNever(check: OptionCheck): OptionCheck {
  return described(
    () => check.schema?.(),
    (name, value) => {
      if (value !== Infinity) check(name, value);
    },
  );
}

const ROWS: OptionRows<AgentPoolOptions> = {
  transports: { check: OPTION.listOf(OPTION.methods('connect', 'listen')), default: [] },
  connectionsPerAgent: { check: OPTION.integer(1, 1024), default: 4 },
  loadBalanceStrategy: { check: checkStrategy, default: 'leastConnections' },
  requestTimeoutMs: { check: OPTION.integer(1, DAY_MS), default: 30_000 },
  healthCheckIntervalMs: { check: OPTION.integer(1, DAY_MS), default: 10_000 },
  connectTimeoutMs: { check: OPTION.integer(1, 3_600_000), default: 5_000 },
  maxConcurrentPerConnection: { check: OPTION.integer(1, 65_536), default: 100 },
  adaptiveConcurrency: { check: OPTION.nested(ADAPTIVE_CONCURRENCY_TABLE) },
  decisionCache: { check: OPTION.nested(DECISION_CACHE_TABLE) },
  maxQueuedPerAgent: { check: OPTION.integer(0, 1_000_000), default: 1024 },
  flowControlMode: { check: OPTION.oneOf('failClosed', 'failOpen', 'waitAndRetry'), default: 'failClosed' },
  flowControlWaitTimeoutMs: { check: OPTION.integer(0, DAY_MS), default: 100 },
  circuitBreakerThreshold: { check: OPTION.integer(1, 1_000_000), default: 5 },
  circuitBreakerResetTimeoutMs: { check: OPTION.integer(1, DAY_MS), default: 30_000 },
  circuitBreakerErrorRatio: { check: orNever(OPTION.number(0.001, 1)), default: Infinity },
  circuitBreakerWindowMs: { check: OPTION.integer(10, DAY_MS), default: 10_000 },
  outlierEjectionThreshold: { check: orNever(OPTION.integer(1, 1_000_000)), default: 5 },
  outlierEjectionTimeMs: { check: OPTION.integer(1, DAY_MS), default: 30_000 },
  circuitBreakerMinRequests: { check: OPTION.integer(1, 1_000_000), default: 20 },
  drainTimeoutMs: { check: OPTION.integer(0, DAY_MS), default: 30_000 },
  correlationAffinityTtlMs: { check: OPTION.integer(1, DAY_MS), default: 300_000 },
  stickySessionTimeoutMs: { check: OPTION.integer(1, DAY_MS), default: 300_000 },
  maxStickySessions: { check: OPTION.integer(1, 10_000_000), default: 100_000 },
  maxCorrelationAffinities: { check: OPTION.integer(1, 10_000_000), default: 100_000 },
  reconnect: { check: OPTION.nested(BACKOFF_TABLE), default: {} },
  name: { check: OPTION.text, default: 'agentwire' },
  // the released crate refuses the handshake for any other word
  encodings: { check: OPTION.listOf(OPTION.oneOf('json', 'msgpack')), default: ['msgpack', 'json'] },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
  metrics: { check: OPTION.methods('count', 'gauge', 'observe') },
  tracer: { check: OPTION.methods('startSpan') },
  onConfigRequest: {
    check: OPTION.function,
    default: () => {
      throw new AgentwireError('ERR_UNSUPPORTED', 'this proxy takes no requests for its configuration');
    },
  },
};

/** Options that a file may have under `pool`: all but objects and functions of a program. */
export const POOL_FILE_ROWS: Readonly<Record<string, OptionRow<unknown>>> = Object.fromEntries(
  Object.entries(ROWS).filter(([, row]) => schemaOf(row as OptionRow<unknown>) !== undefined),
);

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolvePoolOptions(options: AgentPoolOptions = {}): ResolvedPoolOptions {
  const { reconnect, ...rest } = resolveOptions('AgentPool', options, ROWS);
  const logger = countRepeats(rest.logger, rest.clock);
  return {
    ...rest,
    logger,
    metrics: new SafeRecorder(options.metrics, logger),
    tracer: options.tracer,
    adaptiveConcurrency:
      options.adaptiveConcurrency &&
      resolveOptions('adaptiveConcurrency', options.adaptiveConcurrency, ADAPTIVE_CONCURRENCY_TABLE),
    decisionCache:
      options.decisionCache && resolveOptions('decisionCache', options.decisionCache, DECISION_CACHE_TABLE),
    reconnect: resolveBackoff(reconnect),
  };
}
