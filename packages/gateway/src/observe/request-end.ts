import type { Pipeline } from '@agentwire/pipeline';
import type { ClientRequest } from '../client-messages.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import type { Outcome } from '../response/refusal.ts';
import { decisionGrounds, requestFacts } from './request-facts.ts';
import type { RequestTrace } from './request-trace.ts';
import type { UpstreamTimes } from './upstream-times.ts';

/** Request that is over, as its agents and observers are told of it. */
export interface RequestEnd {
  readonly id: string;
  readonly request: ClientRequest;
  /** Name of its route; empty where it has none. */
  readonly route: string;
  readonly options: ResolvedGatewayOptions;
  readonly pipeline: Pipeline;
  readonly trace: RequestTrace | undefined;
  readonly outcome: Outcome;
  /** Status of the response; 0 where none was sent. */
  readonly status: number;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly upstream: {
    /** Times that it was sent. */
    readonly attempts: number;
    /** Target that it was sent to last. */
    readonly target: string | undefined;
    readonly times: UpstreamTimes | undefined;
    /** Status of a gRPC call that it answered. */
    readonly grpcStatus: number | undefined;
  };
}

/** Tells the agents and observers of a request that it is over. */
export function reportEnd(end: RequestEnd): void {
  if (end.pipeline.asks) tellAgents(end);
  const { metrics, onRequestEnd } = end.options;
  if (metrics !== undefined || onRequestEnd !== undefined || end.trace !== undefined) tellObservers(end);
}

function tellAgents({
  id,
  pipeline,
  outcome,
  status,
  durationMs,
  requestBytes,
  responseBytes,
  upstream,
}: RequestEnd): void {
  if (outcome.outcome === 'cancelled') return pipeline.cancel(id);
  const summary = {
    status,
    durationMs: Math.round(durationMs),
    requestBodySize: requestBytes,
    responseBodySize: responseBytes,
    upstreamAttempts: Math.max(1, upstream.attempts),
  };
  pipeline.complete(id, summary, outcome.outcome === 'failed' ? 'failed' : undefined);
}

function tellObservers(end: RequestEnd): void {
  const { id, request, route, pipeline, trace, outcome, upstream } = end;
  const { clock, metrics, onRequestEnd, proxies } = end.options;
  const { status, durationMs, requestBytes, responseBytes } = end;
  const { queuedMs, headMs: upstreamMs } = upstream.times ?? {};
  const agentsMs = pipeline.waitedMs;
  const measured = { status, durationMs, agentsMs, requestBytes, responseBytes, queuedMs, upstreamMs };
  metrics?.record(measured, outcome.outcome, outcome.error);
  trace?.end(status, outcome.outcome);
  onRequestEnd?.({
    ...requestFacts(request, clock, durationMs, proxies),
    id,
    route,
    upstream: upstream.target,
    grpcStatus: upstream.grpcStatus,
    ...measured,
    ...outcome,
    ...decisionGrounds(pipeline, outcome),
  });
}
