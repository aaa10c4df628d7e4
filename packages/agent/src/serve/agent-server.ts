/** Snapshot of an agent's state and of its counts since it was served. */
export interface AgentStats {
  /** Number of open connections. */
  readonly connections: number;
  /** Number of handlers that have not decided yet, those that wait for the next chunk of a body included. */
  readonly running: number;
  /** `true` if proxies are asked to pause. */
  readonly paused: boolean;
  /** `true` if the agent finishes its work and ends. */
  readonly draining: boolean;
  /** Number of events received. */
  readonly events: number;
  readonly decisions: Readonly<Record<'allow' | 'block' | 'redirect' | 'challenge', number>>;
  /** Number of events that could not be decided: exceptions, overload, unknown requests. */
  readonly failures: number;
  /** Number of failures at `maxConcurrentRequests`. */
  readonly overloaded: number;
  /** Number of failures at `handlerTimeoutMs`. */
  readonly timeouts: number;
  /** Number of cancelled requests. */
  readonly cancelled: number;
  /** Number of requests of the zentinel dialect whose state is kept. */
  readonly tracked: number;
}

/** Agent that is being served. */
export interface AgentServer extends AsyncDisposable {
  /** Addresses that it listens on, with their real ports; can be passed to a pool. */
  readonly endpoints: readonly string[];
  /** Current {@link AgentStats}. */
  readonly stats: AgentStats;
  /** Asks proxies to send no new requests, finishes the running ones (`timeoutMs`, default `drainTimeoutMs`), then closes. Idempotent. */
  drain(options?: { readonly timeoutMs?: number | undefined }): Promise<void>;
  /**
   * Stops listening and dialling and closes every connection after its buffered messages. Idempotent. A proxy that knows no
   * drain is answered until nothing has arrived from it for 1 s, `drainTimeoutMs` at most.
   */
  close(): Promise<void>;
}
