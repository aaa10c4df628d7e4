import { checkInteger } from '@agentwire/core/internal';

/** Options of `createGateway` that say how long upstream and clients may take. */
export interface PacingOptions {
  /**
   * How long the upstream may take from the request's last byte to the head of its response, in milliseconds; default
   * 30 000. Past it the client gets 504. Informational responses (1xx) give it no more time; time in which the client's
   * body or an agent is waited for does not count.
   */
  readonly upstreamTimeoutMs?: number;
  /** How long the upstream may send nothing within a response, in milliseconds; default 300 000. Past it the response is cut. */
  readonly upstreamIdleTimeoutMs?: number;
  /** How long making a connection to the upstream may take, in milliseconds; default 5 000. Past it the client gets 504. */
  readonly upstreamConnectTimeoutMs?: number;
  /**
   * How long a request may wait for a connection to the upstream, in milliseconds; default 5 000. Past it the client gets
   * 503. After half of it, the request whose client has read nothing of its response, or sent next to nothing of its body,
   * for the longest time, and at least that long, is evicted to make room: the response is cut, the upload gets 408.
   */
  readonly upstreamQueueTimeoutMs?: number;
  /** Connections to the upstream; default 128. */
  readonly upstreamConnections?: number;
  /**
   * Connections to the upstream that the requests of one client address may hold; default no limit. Further requests
   * wait for `upstreamQueueTimeoutMs`. With `trustForwarded` the address is the last one of `x-forwarded-for`.
   */
  readonly maxUpstreamConnectionsPerClient?: number;
  /**
   * How long a client may take nothing of what waits for it, in milliseconds; default 30 000. Its connection is cut then,
   * or after twice that at the latest: such clients are cut in groups, and where requests wait for a connection to the
   * upstream, together with those that have stalled for an eighth of that time.
   */
  readonly clientStallTimeoutMs?: number;
  /**
   * Slowest upload, in bytes per second of the time in which the gateway waits for it; default 240, 0 for no limit. It is
   * looked at every 10 s; below it the client gets 408.
   */
  readonly minUploadBytesPerSecond?: number;
}

/** What {@link PacingOptions} default to. */
export const PACING_DEFAULTS: Readonly<Required<Omit<PacingOptions, 'maxUpstreamConnectionsPerClient'>>> = {
  upstreamTimeoutMs: 30_000,
  upstreamIdleTimeoutMs: 300_000,
  upstreamConnectTimeoutMs: 5_000,
  upstreamQueueTimeoutMs: 5_000,
  upstreamConnections: 128,
  clientStallTimeoutMs: 30_000,
  minUploadBytesPerSecond: 240,
};

/** {@link PacingOptions} with every default filled in and checked. */
export interface ResolvedPacingOptions extends Required<PacingOptions> {}

const DAY_MS = 86_400_000;
const TIMEOUTS = [
  'upstreamTimeoutMs',
  'upstreamIdleTimeoutMs',
  'upstreamConnectTimeoutMs',
  'upstreamQueueTimeoutMs',
  'clientStallTimeoutMs',
] as const;

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolvePacingOptions(options: PacingOptions): ResolvedPacingOptions {
  const given = { ...PACING_DEFAULTS, ...options };
  const timeout = (name: (typeof TIMEOUTS)[number]): number => checkInteger(name, given[name], 1, DAY_MS);
  const { maxUpstreamConnectionsPerClient: share } = options;
  return {
    upstreamTimeoutMs: timeout('upstreamTimeoutMs'),
    upstreamIdleTimeoutMs: timeout('upstreamIdleTimeoutMs'),
    upstreamConnectTimeoutMs: timeout('upstreamConnectTimeoutMs'),
    upstreamQueueTimeoutMs: timeout('upstreamQueueTimeoutMs'),
    clientStallTimeoutMs: timeout('clientStallTimeoutMs'),
    upstreamConnections: checkInteger('upstreamConnections', given.upstreamConnections, 1, 65_536),
    maxUpstreamConnectionsPerClient:
      share === undefined ? Infinity : checkInteger('maxUpstreamConnectionsPerClient', share, 1, 65_536),
    minUploadBytesPerSecond: checkInteger('minUploadBytesPerSecond', given.minUploadBytesPerSecond, 0, 1024 ** 3),
  };
}

/** The shortest of the timeouts, in milliseconds. */
export function shortestTimeout(options: ResolvedPacingOptions): number {
  return Math.min(...TIMEOUTS.map((name) => options[name]));
}
