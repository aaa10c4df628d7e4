import type { RequestId } from './events.ts';

/** Reason for a cancel. */
export type CancelReason =
  'client_disconnect' | 'timeout' | 'blocked_by_agent' | 'upstream_error' | 'proxy_shutdown' | 'manual';

/** The proxy no longer wants answers for this request. */
export interface Cancel {
  readonly type: 'cancel';
  readonly id: RequestId;
  readonly reason?: CancelReason | undefined;
  readonly timestampMs?: number | undefined;
}

/** The proxy no longer wants any answer on this connection. */
export interface CancelAll {
  readonly type: 'cancelAll';
  readonly reason?: string | undefined;
}

/** Check for a sign of life, answered by a {@link Pong} with the same numbers. */
export interface Ping {
  readonly type: 'ping';
  readonly sequence: number;
  readonly timestampMs: number;
  /** Payload as the transport received it, returned unchanged in the pong; absent if the numbers are all of it. */
  readonly echo?: unknown;
}

/** The answer to a {@link Ping}. */
export interface Pong {
  readonly type: 'pong';
  readonly sequence: number;
  readonly timestampMs: number;
  /** As in the {@link Ping} that it answers. */
  readonly echo?: unknown;
}

/** Request to finish pending work and to send nothing new, from either side. */
export interface Drain {
  readonly type: 'drain';
  readonly reason?: string | undefined;
  /** Time that the sender will wait, in milliseconds. */
  readonly durationMs?: number | undefined;
}

/** The sender is about to end. */
export interface Shutdown {
  readonly type: 'shutdown';
  readonly reason?: string | undefined;
  /** Time that the sender will wait, in milliseconds. */
  readonly durationMs?: number | undefined;
}

/** Health state reported by an agent. */
export type HealthState = 'healthy' | 'degraded' | 'draining' | 'unhealthy';

/** Measurements of an agent's work; every field of the wire's LoadMetrics. */
export interface LoadReport {
  readonly inFlight: number;
  readonly queueDepth: number;
  readonly averageLatencyMs: number;
  readonly p50LatencyMs: number;
  readonly p95LatencyMs: number;
  readonly p99LatencyMs: number;
  readonly requestsProcessed: number;
  readonly requestsRejected: number;
  readonly requestsTimedOut: number;
}

/** Measurements of an agent's process; every field of the wire's ResourceMetrics. */
export interface ResourceReport {
  readonly cpuPercent?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly memoryLimit?: number | undefined;
  readonly activeThreads?: number | undefined;
  readonly openFds?: number | undefined;
  readonly fdLimit?: number | undefined;
  readonly connections?: number | undefined;
}

/** An agent's report on itself. */
export interface HealthStatus {
  readonly type: 'healthStatus';
  readonly agentId: string;
  readonly state: HealthState;
  readonly message?: string | undefined;
  readonly load?: LoadReport | undefined;
  readonly resources?: ResourceReport | undefined;
  readonly validUntilMs?: number | undefined;
  readonly timestampMs: number;
  /** For `degraded`. */
  readonly disabledFeatures?: readonly string[] | undefined;
  /** For `degraded`: factor for the proxy's timeouts. */
  readonly timeoutMultiplier?: number | undefined;
  /** For `draining`. */
  readonly drainEtaMs?: number | undefined;
  /** For `unhealthy`. */
  readonly unhealthyReason?: string | undefined;
  /** For `unhealthy`. */
  readonly recoverable?: boolean | undefined;
}

/** A counter or gauge in a {@link MetricsReport}. */
export interface ScalarMetric {
  readonly name: string;
  readonly help?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram in a {@link MetricsReport}; `le` of the last bucket is `Infinity`. */
export interface HistogramMetric {
  readonly name: string;
  readonly help?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly sum: number;
  readonly count: number;
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** An agent's own metrics. */
export interface MetricsReport {
  readonly type: 'metricsReport';
  readonly agentId: string;
  readonly timestampMs: number;
  readonly intervalMs: number;
  readonly counters: readonly ScalarMetric[];
  readonly gauges: readonly ScalarMetric[];
  readonly histograms: readonly HistogramMetric[];
}

/** One rule in a `ruleUpdate`. */
export interface RuleDefinition {
  readonly id: string;
  readonly priority: number;
  /** Any JSON value. */
  readonly definition: unknown;
  readonly enabled: boolean;
  readonly description?: string | undefined;
  readonly tags: readonly string[];
}

/** Change of configuration that an agent requests. */
export type ConfigUpdate =
  | { readonly type: 'requestReload' }
  | {
      readonly type: 'ruleUpdate';
      readonly ruleSet: string;
      readonly rules: readonly RuleDefinition[];
      readonly removeRules: readonly string[];
    }
  | {
      readonly type: 'listUpdate';
      readonly listId: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  | { readonly type: 'restartRequired'; readonly reason: string; readonly gracePeriodMs: number }
  | { readonly type: 'configError'; readonly error: string; readonly field?: string | undefined };

/** An agent asks the proxy for a change of configuration. */
export interface ConfigUpdateRequest {
  readonly type: 'configUpdateRequest';
  /** Names this request; the response repeats it. */
  readonly requestId: string;
  readonly update: ConfigUpdate;
  readonly timestampMs: number;
}

/** The proxy's answer to a {@link ConfigUpdateRequest}. */
export interface ConfigUpdateResponse {
  readonly type: 'configUpdateResponse';
  readonly requestId: string;
  readonly accepted: boolean;
  readonly error?: string | undefined;
  readonly timestampMs: number;
}

/** Request of an agent for a pause, its end, or report of free buffer. Without `id` it concerns the connection. */
export interface FlowControl {
  readonly type: 'flowControl';
  readonly action: 'pause' | 'resume' | 'updateCapacity';
  readonly id?: RequestId | undefined;
  readonly bufferAvailable?: number | undefined;
  readonly timestampMs?: number | undefined;
}

/** A log line of an agent for the proxy's log. */
export interface LogMessage {
  readonly type: 'log';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly id?: RequestId | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}
