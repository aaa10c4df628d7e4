import {
  AgentwireError,
  checkInteger,
  checkKnownOptions,
  checkOneOf,
  type Clock,
  type Credential,
  type Hello,
  type Logger,
  silentLogger,
  systemClock,
  type Transport,
} from '@agentwire/core';
import { type BackoffOptions, type KeepaliveOptions, resolveBackoff, resolveKeepalive } from '@agentwire/core/session';
import type { ChallengeFallback } from '../runtime/peer-limits.ts';

/** A proxy that the agent dials by itself. */
export interface ReverseOptions {
  /** Where the proxy listens for agents: `unix:PATH`, `tls://HOST:PORT`, `tcp://HOST:PORT`… */
  readonly address: string;
  /** The id to register as; default the agent's name. */
  readonly agentId?: string;
  /** Secret that proves that id. Never logged. */
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
   * Whether the agent stays awake for up to 0.1 ms after an answer while one caller asks one thing after the other: such a
   * caller gets its answers up to twice as soon, and takes a whole core instead of half of it. Default `true`.
   */
  readonly linger?: boolean;
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
  linger: boolean;
  reverseConnections: number;
}> = Object.freeze({
  signals: false,
  drainTimeoutMs: 30_000,
  reportIntervalMs: 10_000,
  challengeFallback: 'block' as const,
  linger: true,
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
  readonly linger: boolean;
  readonly reportIntervalMs: number;
}

const DAY_MS = 86_400_000;
const KNOWN = [
  'transports',
  'listen',
  'reverse',
  'clock',
  'logger',
  'signals',
  'drainTimeoutMs',
  'challengeFallback',
  'reportIntervalMs',
  'keepalive',
  'handshakeTimeoutMs',
  'authorize',
  'linger',
  'onRegistered',
  'random',
];

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveServeOptions(options: ServeAgentOptions): ResolvedServeOptions {
  checkKnownOptions('serveAgent', options, KNOWN);
  const defaults = SERVE_AGENT_DEFAULTS;
  const { listen = [], reverse = [], clock = systemClock, logger = silentLogger, signals = defaults.signals } = options;
  if (listen.length === 0 && reverse.length === 0) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'serveAgent needs an address in listen or in reverse');
  }
  // what a session or a transport would refuse at each connection is refused here, once
  if (options.keepalive !== undefined && options.keepalive !== false) resolveKeepalive(options.keepalive);
  if (options.handshakeTimeoutMs !== undefined)
    checkInteger('handshakeTimeoutMs', options.handshakeTimeoutMs, 1, DAY_MS);
  return {
    ...options,
    listen,
    reverse: reverse.map(resolveReverse),
    clock,
    logger,
    signals,
    linger: options.linger ?? defaults.linger,
    drainTimeoutMs: checkInteger('drainTimeoutMs', options.drainTimeoutMs ?? defaults.drainTimeoutMs, 0, DAY_MS),
    reportIntervalMs: checkInteger(
      'reportIntervalMs',
      options.reportIntervalMs ?? defaults.reportIntervalMs,
      100,
      DAY_MS,
    ),
    challengeFallback: checkOneOf('challengeFallback', options.challengeFallback ?? defaults.challengeFallback, [
      'block',
      'always',
      'none',
    ]),
  };
}

function resolveReverse(one: ReverseOptions): ResolvedReverse {
  checkKnownOptions('reverse', one, ['address', 'agentId', 'token', 'connections', 'backoff']);
  const connections = one.connections ?? SERVE_AGENT_DEFAULTS.reverseConnections;
  return {
    ...one,
    connections: checkInteger('connections of reverse', connections, 1, 64),
    backoff: resolveBackoff(one.backoff),
  };
}
