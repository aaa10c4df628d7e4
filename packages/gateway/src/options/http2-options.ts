import { OPTION, type OptionTable, type Resolved } from '@agentwire/core/internal';

/** Limits of the HTTP/2 connections of clients; option `http2` of `createGateway`. */
export interface Http2Options {
  /** Requests at a time per connection; default 100, at most 10 000. Further ones are refused, and clients send them later. */
  readonly maxStreams?: number | undefined;
  /**
   * Bytes of a body that a client may send before the gateway has read them, per request; default 65 535, at most 16 MiB.
   * Set it larger where clients far away upload: one upload is not faster than this per round trip.
   */
  readonly streamWindowBytes?: number | undefined;
  /**
   * Bytes of all bodies of a connection that a client may send before the gateway has read them; default 1 MiB, at most 1 GiB, and no less
   * than `streamWindowBytes`. Uploads that wait for an agent or an upstream take their share: past it they stop all others.
   */
  readonly connectionWindowBytes?: number | undefined;
  /** Memory of node:http2 for one connection, in bytes; default 10 MiB, at least 1 MiB. Past it new requests are refused. */
  readonly maxSessionBytes?: number | undefined;
  /** Requests that a client may reset at once; default 200. Past it and `resetsPerSecond` its connection ends (rapid reset). */
  readonly resetBurst?: number | undefined;
  /** Requests per second that a client may reset in the long run; default 33. */
  readonly resetsPerSecond?: number | undefined;
}

/** {@link Http2Options} with every default filled in. */
export type ResolvedHttp2Options = Resolved<Http2Options>;

/** Options of HTTP/2, with their checks and defaults. */
export const HTTP2_OPTIONS: OptionTable<Http2Options> = {
  maxStreams: { check: OPTION.integer(1, 10_000), default: 100 },
  streamWindowBytes: { check: OPTION.integer(1_024, 16 * 1024 ** 2), default: 65_535 },
  connectionWindowBytes: { check: OPTION.integer(65_535, 1024 ** 3), default: 1024 ** 2 },
  maxSessionBytes: { check: OPTION.integer(1024 ** 2, 1024 ** 3), default: 10 * 1024 ** 2 },
  resetBurst: { check: OPTION.integer(1, 100_000), default: 200 },
  resetsPerSecond: { check: OPTION.integer(1, 100_000), default: 33 },
};
