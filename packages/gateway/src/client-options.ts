import { checkInteger } from '@agentwire/core/internal';

/** Options of `createGateway` that bound what clients may do. */
export interface ClientOptions {
  /**
   * Time that an idle client connection is kept, in milliseconds; default 65 000. Longer than the balancer in front keeps
   * it (60 s is common), or that one now and then writes into a connection that has just been closed.
   */
  readonly keepAliveTimeoutMs?: number;
  /** Time that a client may take to send the head of a request, in milliseconds, at most 300 000; default 10 000. Past it 408. */
  readonly requestHeadTimeoutMs?: number;
  /** Longest head of a request, in bytes, request line included; default 16 384, at most 1 MiB. Past it 431, or 414. */
  readonly maxHeadBytes?: number;
  /** Longest request line, in bytes; default 8 192. Past it 414. */
  readonly maxRequestLineBytes?: number;
  /** Header lines of a request; default 100, at most 1 000. Past it 431. */
  readonly maxHeaders?: number;
  /** Client connections at a time, of each `listen`; default 10 000. Past it a new one is closed at once. */
  readonly maxConnections?: number;
  /** Requests at a time; default 10 000. Past it the client gets 503 at once. */
  readonly maxConcurrentRequests?: number;
  /**
   * Requests of one connection that are under way at a time, where a client sends them without waiting for answers
   * (pipelining); default 16, at most 10 000. Past it nothing more is read from the connection until one is answered.
   */
  readonly maxPipelinedRequests?: number;
  /** Time that `drain` gives to requests and connections, in milliseconds; default 30 000. Past it the rest is cut. */
  readonly drainTimeoutMs?: number;
  /** Time without a byte after which a drain closes an idle connection, in milliseconds; default 1 000. */
  readonly drainIdleMs?: number;
}

/** What {@link ClientOptions} default to. */
export const CLIENT_DEFAULTS: Required<ClientOptions> = {
  keepAliveTimeoutMs: 65_000,
  requestHeadTimeoutMs: 10_000,
  maxHeadBytes: 16_384,
  maxRequestLineBytes: 8_192,
  maxHeaders: 100,
  maxConnections: 10_000,
  maxConcurrentRequests: 10_000,
  maxPipelinedRequests: 16,
  drainTimeoutMs: 30_000,
  drainIdleMs: 1_000,
};

const DAY_MS = 86_400_000;
const LIMITS: Readonly<Record<keyof ClientOptions, readonly [min: number, max: number]>> = {
  keepAliveTimeoutMs: [1, DAY_MS],
  requestHeadTimeoutMs: [1, 300_000],
  maxHeadBytes: [1_024, 1024 ** 2],
  maxRequestLineBytes: [64, 1024 ** 2],
  maxHeaders: [1, 1_000],
  maxConnections: [1, 10_000_000],
  maxConcurrentRequests: [1, 1_000_000],
  maxPipelinedRequests: [1, 10_000],
  drainTimeoutMs: [0, DAY_MS],
  drainIdleMs: [1, 3_600_000],
};

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveClientOptions(options: ClientOptions): Required<ClientOptions> {
  const resolved = { ...CLIENT_DEFAULTS };
  for (const name of Object.keys(LIMITS) as (keyof ClientOptions)[])
    resolved[name] = checkInteger(name, options[name] ?? CLIENT_DEFAULTS[name], ...LIMITS[name]);
  return resolved;
}
