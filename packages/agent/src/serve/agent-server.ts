/** What an agent has done since it was served. */
export interface AgentStats {
  /** Connections that are open. */
  readonly connections: number;
  /** Handlers that have not decided yet, those that wait for the next chunk of a body included. */
  readonly running: number;
  /** Whether proxies are asked to pause. */
  readonly paused: boolean;
  /** Whether the agent finishes its work and ends. */
  readonly draining: boolean;
  readonly events: number;
  readonly decisions: Readonly<Record<'allow' | 'block' | 'redirect' | 'challenge', number>>;
  /** Events that could not be decided: throws, overload, lost requests. */
  readonly failures: number;
  /** Failures because as much was worked on as may be. */
  readonly overloaded: number;
  /** Failures because a handler took too long. */
  readonly timeouts: number;
  readonly cancelled: number;
  /** Requests of the zentinel dialect whose state is kept. */
  readonly tracked: number;
}

/** An agent that is being served. */
export interface AgentServer extends AsyncDisposable {
  /** Addresses that it listens on, with their real ports; can be passed to a pool. */
  readonly endpoints: readonly string[];
  /** A snapshot. */
  readonly stats: AgentStats;
  /** Tells proxies to send nothing new, finishes what runs (30 s at most unless said otherwise), then closes. Idempotent. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /**
   * Stops listening and dialling and closes every connection after what is buffered. Idempotent. A proxy that knows no drain
   * is answered until nothing has come from it for 1 s, `drainTimeoutMs` at most.
   */
  close(): Promise<void>;
}
