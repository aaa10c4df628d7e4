import type { ConfigUpdate, OwnMetrics } from '@agentwire/core';

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

/** Health as an agent reports it. */
export interface ReportedHealth {
  /** `degraded` and `unhealthy` reach the proxy, which may send less or nothing. */
  readonly state: 'healthy' | 'degraded' | 'unhealthy';
  /** Reason, for the proxy's log; 1 024 characters at most. */
  readonly message?: string | undefined;
  /** Features that do not work, for `degraded`. */
  readonly disabledFeatures?: readonly string[] | undefined;
  /** Factor for the proxy's timeouts, 1 to 100, for `degraded`. */
  readonly timeoutMultiplier?: number | undefined;
  /** `false` if only a restart helps, for `unhealthy`. */
  readonly recoverable?: boolean | undefined;
}

/** Parameters of {@link AgentServer.report}. */
export interface AgentReport {
  /** Health from now on; it is repeated in each report until the next call. */
  readonly health?: ReportedHealth | undefined;
  /** The agent's own metrics from now on, besides those of the option `metrics`; 1 000 series at most together. */
  readonly metrics?: OwnMetrics | undefined;
}

/** Answer of one proxy to {@link AgentServer.requestConfig}. */
export interface ConfigReply {
  /** Name of the proxy. */
  readonly proxy: string;
  readonly accepted: boolean;
  /** Reason of a refusal. */
  readonly error?: string | undefined;
}

/** Agent that is being served. */
export interface AgentServer extends AsyncDisposable {
  /** Addresses that it listens on, with their real ports; can be passed to a pool. */
  readonly endpoints: readonly string[];
  /** Current {@link AgentStats}. */
  readonly stats: AgentStats;
  /** Reports health and metrics to proxies that negotiated them, now and at each interval. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  report(report: AgentReport): void;
  /**
   * Asks each connected proxy for a change of its configuration, such as `{ type: 'requestReload' }`.
   *
   * Rejects with `ERR_UNSUPPORTED` if no proxy takes such requests. A proxy that does not answer within `timeoutMs`, default
   * 10 000, has not accepted.
   */
  requestConfig(update: ConfigUpdate, options?: { readonly timeoutMs?: number | undefined }): Promise<ConfigReply[]>;
  /** Asks proxies to send no new requests, finishes the running ones (`timeoutMs`, default `drainTimeoutMs`), then closes. Idempotent. */
  drain(options?: { readonly timeoutMs?: number | undefined }): Promise<void>;
  /**
   * Stops listening and dialling and closes every connection after its buffered messages. Idempotent. A proxy that knows no
   * drain is answered until nothing has arrived from it for 1 s, `drainTimeoutMs` at most.
   */
  close(): Promise<void>;
}
