import type { Http2Options } from './http2-options.ts';

/** Options of `createGateway` that bound what clients may do. */
export interface ClientOptions {
  /**
   * Time that an idle client connection is kept, in milliseconds; default 65 000. Set it longer than the load balancer in
   * front keeps its connections (60 s is common), or that one now and then writes into a connection that was just closed.
   */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Time that a client may take to send the head of a request, in milliseconds, at most 300 000; default 10 000. Past it 408. */
  readonly requestHeadTimeoutMs?: number | undefined;
  /** Longest head of a request, in bytes, request line included; default 16 384, at most 1 MiB. Past it 431, or 414. */
  readonly maxHeadBytes?: number | undefined;
  /** Longest request line, in bytes; default 8 192. Past it 414. */
  readonly maxRequestLineBytes?: number | undefined;
  /** Header lines of a request; default 100, at most 1 000. Past it 431. */
  readonly maxHeaders?: number | undefined;
  /** Client connections at a time, per `listen`; default 10 000. Past it a new one is closed at once. */
  readonly maxConnections?: number | undefined;
  /** Requests at a time; default 10 000. Past it the client gets 503 at once. */
  readonly maxConcurrentRequests?: number | undefined;
  /**
   * Requests in flight per connection, where a client sends them without waiting for answers (pipelining); default 16, at
   * most 10 000. Past it 64 KiB more are read from the connection, then nothing until one is answered.
   */
  readonly maxPipelinedRequests?: number | undefined;
  /**
   * Time that a client may take nothing of what waits for it, in milliseconds; default 30 000. Its connection is cut then,
   * or after twice that at the latest: such clients are cut in groups, and where requests wait for a connection to the
   * upstream, together with those that have stalled for an eighth of that time.
   */
  readonly clientStallTimeoutMs?: number | undefined;
  /**
   * Slowest upload, in bytes per second of the time in which the gateway waits for it; default 240, 0 for no limit. Checked
   * every 10 s; below it the client gets 408.
   */
  readonly minUploadBytesPerSecond?: number | undefined;
  /** Time that `drain` gives to requests and connections, in milliseconds; default 30 000. Past it the rest is cut. */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * WebSockets at a time; default 5 000, 0 for none at all (501). Past it the client gets 503. They count in
   * `maxConcurrentRequests` too.
   */
  readonly maxWebSockets?: number | undefined;
  /** Longest message of a WebSocket whose frames agents take, in bytes; default 1 MiB, at most 16 MiB. Past it the WebSocket is closed with 1009. */
  readonly maxWebSocketMessageBytes?: number | undefined;
  /** Time without a byte from either side after which a WebSocket is cut, in milliseconds; default 300 000. */
  readonly webSocketIdleTimeoutMs?: number | undefined;
  /** Limits of HTTP/2 connections, where `listen` has `tls` or `h2c`. Default that of each of them. */
  readonly http2?: Http2Options | undefined;
  /** Time without a byte after which a drain closes an idle connection, in milliseconds; default 1 000. */
  readonly drainIdleMs?: number | undefined;
}
