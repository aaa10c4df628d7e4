import {
  AgentwireError,
  type Clock,
  type Credential,
  type Hello,
  type Logger,
  type MetricsSource,
  systemClock,
  type Tracer,
  type Transport,
} from '@agentwire/core';
import {
  OPTION,
  type OptionRows,
  type OptionTable,
  type Resolved,
  resolveOptions,
  safeLogger,
  silentLogger,
} from '@agentwire/core/internal';
import type { BackoffOptions, KeepaliveOptions } from '@agentwire/core/session';
import { BACKOFF_TABLE, KEEPALIVE_TABLE, resolveBackoff } from '@agentwire/core/session/internal';
import type { ChallengeFallback } from '../zentinel/quirks.ts';

/** Proxy that the agent dials by itself. */
export interface ReverseOptions {
  /** Address at which the proxy listens for agents: `unix:PATH`, `tls://HOST:PORT`, `tcp://HOST:PORT`… */
  readonly address: string;
  /** Id to register as; default the agent's name. */
  readonly agentId?: string | undefined;
  /** Secret that proves that id, 1 to 16 384 visible ASCII characters. Never logged. */
  readonly token?: string | undefined;
  /** Number of connections to keep open, 1 to 64; default 4. */
  readonly connections?: number | undefined;
  /** Waits between attempts; the number of attempts has no limit. */
  readonly backoff?: BackoffOptions | undefined;
}

/** Options of `serveAgent`. */
export interface ServeAgentOptions {
  /** Transports; each address is served by the first one that has its scheme. */
  readonly transports: readonly Transport[];
  /** Addresses to listen on; default none. */
  readonly listen?: readonly string[] | undefined;
  /** Proxies to dial; default none. */
  readonly reverse?: readonly ReverseOptions[] | undefined;
  /** Source of time; default the system's clock. */
  readonly clock?: Clock | undefined;
  /** Logger; default silent. `console` and pino fit. */
  readonly logger?: Logger | undefined;
  /**
   * Drains the agent on SIGTERM and SIGINT; a second signal drops every connection. Default `false`: signals belong to your
   * program. Set it to `true` where the agent is the program.
   */
  readonly signals?: boolean | undefined;
  /**
   * Time that a drain waits for running handlers, and a half-closed connection for pending answers, in milliseconds, 0 to
   * 86 400 000; default 30 000. Set it below the time that your supervisor gives the process to end.
   */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * Replacement of a challenge; default `block`: a block with status 403 towards the released Zentinel proxy, which passes
   * challenged requests. `always` does so towards every proxy, `none` never.
   */
  readonly challengeFallback?: ChallengeFallback | undefined;
  /**
   * Interval of health and metrics reports to proxies that negotiated them, in milliseconds, 100 to 86 400 000; default 10 000. Proxies of
   * agentwire get the first ones on each new connection at once.
   */
  readonly reportIntervalMs?: number | undefined;
  /**
   * Source of the agent's own metrics, reported to proxies together with its built-in ones; at most 1 000 series. A
   * `MetricsCollector` of `@agentwire/metrics` fits. Default none.
   */
  readonly metrics?: MetricsSource | undefined;
  /** Receiver of a server span for every call of a handler, under the proxy's `traceparent`; default none. */
  readonly tracer?: Tracer | undefined;
  /** Keepalive of connections to silent proxies, not used in the zentinel dialect; `false` turns it off. */
  readonly keepalive?: KeepaliveOptions | false | undefined;
  /** Time limit of a handshake, in milliseconds, 1 to 86 400 000; default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Admits proxies that connect to an address of `listen`; an exception refuses. Default: all are admitted. */
  readonly authorize?: ((peer: Hello, credential: Credential, signal: AbortSignal) => void | Promise<void>) | undefined;
  /**
   * Busy-poll: keeps the event loop spinning for up to 0.1 ms after a reply while one client sends sequential requests; default
   * `true`. Such a client gets up to twice the answers per second, for one whole core instead of half of one: set it to `false`
   * where that core has other work.
   */
  readonly busyPoll?: boolean | undefined;
  /** Called once for each address of `reverse`, when the first connection to it is open. */
  readonly onRegistered?: ((address: string) => void) | undefined;
  /** Source of random numbers from 0 to 1, for the jitter of reconnecting; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** {@link ReverseOptions} with defaults filled in. */
export type ResolvedReverse = ReverseOptions & { readonly connections: number };

type WithoutDefault =
  'metrics' | 'tracer' | 'keepalive' | 'handshakeTimeoutMs' | 'authorize' | 'onRegistered' | 'random';

/** {@link ServeAgentOptions} with defaults filled in. */
export interface ResolvedServeOptions
  extends Omit<Resolved<ServeAgentOptions>, WithoutDefault | 'reverse'>, Pick<ServeAgentOptions, WithoutDefault> {
  readonly reverse: readonly ResolvedReverse[];
}

const DAY_MS = 86_400_000;
const REVERSE_TABLE: OptionTable<ReverseOptions> = {
  address: OPTION.text,
  agentId: OPTION.text,
  token: OPTION.token,
  connections: OPTION.integer(1, 64),
  backoff: OPTION.nested(BACKOFF_TABLE),
};
const ROWS: OptionRows<ServeAgentOptions> = {
  transports: { check: OPTION.listOf(OPTION.methods('connect', 'listen')) },
  listen: { check: OPTION.listOf(OPTION.text), default: [] },
  reverse: { check: OPTION.listOf(OPTION.nested(REVERSE_TABLE)), default: [] },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
  signals: { check: OPTION.boolean, default: false },
  drainTimeoutMs: { check: OPTION.integer(0, DAY_MS), default: 30_000 },
  challengeFallback: { check: OPTION.oneOf('block', 'always', 'none'), default: 'block' },
  reportIntervalMs: { check: OPTION.integer(100, DAY_MS), default: 10_000 },
  metrics: { check: OPTION.methods('report') },
  tracer: { check: OPTION.methods('startSpan') },
  keepalive: { check: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)) },
  handshakeTimeoutMs: { check: OPTION.integer(1, DAY_MS) },
  authorize: { check: OPTION.function },
  busyPoll: { check: OPTION.boolean, default: true },
  onRegistered: { check: OPTION.function },
  random: { check: OPTION.function },
};

/** Checks options and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value */
export function resolveServeOptions(options: ServeAgentOptions): ResolvedServeOptions {
  const resolved = resolveOptions('serveAgent', options, ROWS);
  if (resolved.listen.length === 0 && resolved.reverse.length === 0) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'serveAgent needs an address in listen or in reverse');
  }
  return { ...resolved, reverse: resolved.reverse.map(resolveReverse), logger: safeLogger(resolved.logger) };
}

function resolveReverse(reverse: ReverseOptions): ResolvedReverse {
  return { ...reverse, connections: reverse.connections ?? 4, backoff: resolveBackoff(reverse.backoff) };
}
