/** Options of `createGateway` for the connections to the upstream and their timeouts. */
export interface UpstreamOptions {
  /** Connections to the upstream; default 128. */
  readonly upstreamConnections?: number | undefined;
  /**
   * Connections to the upstream that the requests of one client address may use; default no limit. Further requests wait
   * for `upstreamQueueTimeoutMs`. Behind proxies of `trustForwarded` the address is the client's.
   */
  readonly maxUpstreamConnectionsPerClient?: number | undefined;
  /** Time that connecting to the upstream may take, in milliseconds; default 5 000. Past it the client gets 504. */
  readonly upstreamConnectTimeoutMs?: number | undefined;
  /**
   * Time that a request may wait for a connection to the upstream, in milliseconds; default 5 000. Past it the client gets
   * 503. After half of it, the request whose client has read nothing of its response, or sent next to nothing of its body,
   * for the longest time, and at least that long, is evicted to make room: the response is cut, the upload gets 408.
   */
  readonly upstreamQueueTimeoutMs?: number | undefined;
  /**
   * Time that the upstream may take from the request's last byte to the head of its response, in milliseconds; default
   * 30 000. Past it the client gets 504. Informational responses (1xx) give it no more time; time in which the client's
   * body or an agent is waited for does not count.
   */
  readonly upstreamTimeoutMs?: number | undefined;
  /** Time that the upstream may send nothing within a response, in milliseconds; default 300 000. Past it the response is cut. */
  readonly upstreamIdleTimeoutMs?: number | undefined;
}
