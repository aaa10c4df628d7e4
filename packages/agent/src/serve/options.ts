import {
  AgentwireError,
  type Clock,
  type Credential,
  type Hello,
  type Logger,
  systemClock,
  type Transport,
} from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable, safeLogger, silentLogger } from '@agentwire/core/internal';
import type { BackoffOptions, KeepaliveOptions } from '@agentwire/core/session';
import { BACKOFF_TABLE, KEEPALIVE_TABLE, resolveBackoff } from '@agentwire/core/session/internal';
import type { ChallengeFallback } from '../runtime/quirks.ts';

/** A proxy that the agent dials by itself. */
export interface ReverseOptions {
  /** Where the proxy listens for agents: `unix:PATH`, `tls://HOST:PORT`, `tcp://HOST:PORT`… */
  readonly address: string;
  /** The id to register as; default the agent's name. */
  readonly agentId?: string;
  /** Secret that proves that id, 1 to 16 384 visible ASCII characters. Never logged. */
  readonly token?: string;
  /** Connections that are kept open; default 4, 1 to 64. */
  readonly connections?: number;
  /** Waits between attempts, which go on for ever. */
  readonly backoff?: BackoffOptions;
}

/** Options of `serveAgent`. */
export interface ServeAgentOptions {
  /** The ways to carry messages; each address is served by the first transport that has its scheme. */
  readonly transports: readonly Transport[];
  /** Addresses to listen on. */
  readonly listen?: readonly string[];
  /** Proxies to dial. */
  readonly reverse?: readonly ReverseOptions[];
  /** Time; default the clock of this machine. */
  readonly clock?: Clock;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /**
   * Whether SIGTERM and SIGINT drain the agent; a second one drops everything. Default `false`: signals belong to the
   * program.
   */
  readonly signals?: boolean;
  /** How long a drain waits for running handlers, in milliseconds; default 30 000. */
  readonly drainTimeoutMs?: number;
  /**
   * What becomes of a challenge; default `block`: a block with status 403 towards the released Zentinel proxy, which lets
   * challenged requests pass. `always` does so towards every proxy, `none` never.
   */
  readonly challengeFallback?: ChallengeFallback;
  /** How often health and metrics are reported to proxies that want them, in milliseconds; default 10 000. */
  readonly reportIntervalMs?: number;
  /** When to ping silent proxies, which the zentinel dialect never does; `false` never does. */
  readonly keepalive?: KeepaliveOptions | false;
  /** Deadline of a handshake, in milliseconds; default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** Decides which proxies may connect to an address of `listen`; a throw refuses. Default: all. */
  readonly authorize?: (peer: Hello, credential: Credential, signal: AbortSignal) => void | Promise<void>;
  /**
   * Busy-poll: keeps the event loop spinning for up to 0.1 ms after a reply while one client sends sequential requests; default
   * `true`. Such a client gets up to twice the answers per second, for one whole core instead of half of one: set it to `false`
   * where that core has other work.
   */
  readonly busyPoll?: boolean;
  /** Told once for each address of `reverse`, when the first connection to it is up. */
  readonly onRegistered?: (address: string) => void;
  /** Numbers from 0 up to 1 for the jitter of reconnecting; default `Math.random`. */
  readonly random?: () => number;
}

/** What {@link ServeAgentOptions} default to. */
export const SERVE_AGENT_DEFAULTS: Readonly<{
  signals: boolean;
  drainTimeoutMs: number;
  reportIntervalMs: number;
  challengeFallback: ChallengeFallback;
  busyPoll: boolean;
  reverseConnections: number;
}> = Object.freeze({
  signals: false,
  drainTimeoutMs: 30_000,
  reportIntervalMs: 10_000,
  challengeFallback: 'block' as const,
  busyPoll: true,
  reverseConnections: 4,
});

/** {@link ReverseOptions} with defaults filled in. */
export type ResolvedReverse = ReverseOptions & { readonly connections: number };

/** {@link ServeAgentOptions} with defaults filled in. */
export interface ResolvedServeOptions extends ServeAgentOptions {
  readonly listen: readonly string[];
  readonly reverse: readonly ResolvedReverse[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signals: boolean;
  readonly drainTimeoutMs: number;
  readonly challengeFallback: ChallengeFallback;
  readonly busyPoll: boolean;
  readonly reportIntervalMs: number;
}

const DAY_MS = 86_400_000;
const REVERSE_TABLE: OptionTable<ReverseOptions> = {
  address: OPTION.text,
  agentId: OPTION.text,
  token: OPTION.token,
  connections: OPTION.integer(1, 64),
  backoff: OPTION.nested(BACKOFF_TABLE),
};
const TABLE: OptionTable<ServeAgentOptions> = {
  transports: OPTION.listOf(OPTION.methods('connect', 'listen')),
  listen: OPTION.listOf(OPTION.text),
  reverse: OPTION.listOf(OPTION.nested(REVERSE_TABLE)),
  clock: OPTION.clock,
  logger: OPTION.logger,
  signals: OPTION.boolean,
  drainTimeoutMs: OPTION.integer(0, DAY_MS),
  challengeFallback: OPTION.oneOf('block', 'always', 'none'),
  reportIntervalMs: OPTION.integer(100, DAY_MS),
  keepalive: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)),
  handshakeTimeoutMs: OPTION.integer(1, DAY_MS),
  authorize: OPTION.function,
  busyPoll: OPTION.boolean,
  onRegistered: OPTION.function,
  random: OPTION.function,
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value. */
export function resolveServeOptions(options: ServeAgentOptions): ResolvedServeOptions {
  checkOptions('serveAgent', options, TABLE);
  const defaults = SERVE_AGENT_DEFAULTS;
  const { listen = [], reverse = [], clock = systemClock, logger = silentLogger } = options;
  if (listen.length === 0 && reverse.length === 0) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'serveAgent needs an address in listen or in reverse');
  }
  return {
    ...options,
    listen,
    reverse: reverse.map(resolveReverse),
    clock,
    logger: safeLogger(logger),
    signals: options.signals ?? defaults.signals,
    busyPoll: options.busyPoll ?? defaults.busyPoll,
    drainTimeoutMs: options.drainTimeoutMs ?? defaults.drainTimeoutMs,
    reportIntervalMs: options.reportIntervalMs ?? defaults.reportIntervalMs,
    challengeFallback: options.challengeFallback ?? defaults.challengeFallback,
  };
}

function resolveReverse(one: ReverseOptions): ResolvedReverse {
  const connections = one.connections ?? SERVE_AGENT_DEFAULTS.reverseConnections;
  return { ...one, connections, backoff: resolveBackoff(one.backoff) };
}
