import { AgentwireError, type MetricType } from '@agentwire/core';
import { checkKnownOptions, OPTION } from '@agentwire/core/internal';

/** Definition of a metric. */
export interface MetricDefinition {
  readonly type: MetricType;
  /** One sentence for the `# HELP` line. */
  readonly help: string;
  /** Labels of its series; for readers, not checked. */
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, without infinity. */
  readonly buckets?: readonly number[];
}

/** Buckets for durations in seconds, from 0.1 ms to 10 s. */
export const DURATION_BUCKETS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * Metrics that agentwire's own packages record; the first five have the names of the protocol's documents. Another name that is
 * recorded is created when it is first used, without a help text.
 */
export const KNOWN_METRICS: Readonly<Record<string, MetricDefinition>> = {
  agent_requests_total: {
    type: 'counter',
    labels: ['agent', 'decision'],
    help: 'Decisions by agent and kind of decision.',
  },
  agent_request_duration_seconds: {
    type: 'histogram',
    labels: ['agent', 'decision'],
    help: 'Time until an agent decided.',
    buckets: DURATION_BUCKETS,
  },
  agent_connections_active: { type: 'gauge', labels: ['agent'], help: 'Open connections to an agent.' },
  agent_errors_total: {
    type: 'counter',
    labels: ['agent', 'type'],
    help: 'Events that were sent to an agent and failed, by error code.',
  },
  agent_circuit_breaker_state: {
    type: 'gauge',
    labels: ['agent'],
    help: 'Circuit breaker of an agent: 0 closed, 1 open or half-open.',
  },
  agent_in_flight_requests: { type: 'gauge', labels: ['agent'], help: 'Requests that an agent has not answered yet.' },
  agent_queue_depth: { type: 'gauge', labels: ['agent'], help: 'Requests that wait for a connection to an agent.' },
  agent_concurrency_limit: {
    type: 'gauge',
    labels: ['agent'],
    help: 'Unanswered events that an agent may have by adaptive concurrency.',
  },
  agent_ejections_total: {
    type: 'counter',
    labels: ['agent'],
    help: 'Ejections of connections that failed too often in a row.',
  },
  agent_config_pushes_total: {
    type: 'counter',
    labels: ['agent', 'outcome'],
    help: 'Configurations sent to an agent, by outcome.',
  },
  agent_flow_paused: {
    type: 'gauge',
    labels: ['agent'],
    help: 'Connections of an agent that asked for no new requests.',
  },
  agent_cancelled_total: {
    type: 'counter',
    labels: ['agent'],
    help: 'Events to an agent that were cancelled before it decided.',
  },
  agent_shadow_decisions_total: {
    type: 'counter',
    labels: ['agent', 'decided', 'observed'],
    help: 'Requests by what was decided and what an agent that is not obeyed would have decided.',
  },
  agent_cached_decisions_total: {
    type: 'counter',
    labels: ['agent', 'decision'],
    help: 'Decisions of an agent that were given again from a cache.',
  },
  agent_failures_total: {
    type: 'counter',
    labels: ['agent', 'policy', 'reason'],
    help: 'Decisions made by a failure policy, by policy and reason.',
  },
  gateway_requests_total: {
    type: 'counter',
    labels: ['status', 'decision'],
    help: 'Requests that are over, by status sent and decision; status 0: none was sent.',
  },
  gateway_request_failures_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Requests that failed, by the code of their error.',
  },
  gateway_request_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Time from the head of a request to the end of its response.',
    buckets: DURATION_BUCKETS,
  },
  gateway_request_phase_seconds: {
    type: 'histogram',
    labels: ['phase'],
    help: 'Parts of the duration: agents, queue for a connection to the upstream, upstream to the head of its response.',
    buckets: DURATION_BUCKETS,
  },
  gateway_request_bytes_total: { type: 'counter', labels: [], help: 'Bytes of request bodies read from clients.' },
  gateway_response_bytes_total: { type: 'counter', labels: [], help: 'Bytes of response bodies sent to clients.' },
  gateway_active_requests: { type: 'gauge', labels: [], help: 'Requests in flight.' },
  gateway_dropped_connections_total: {
    type: 'counter',
    labels: [],
    help: 'Connections of clients closed at once at the limit.',
  },
  gateway_upstream_connections: {
    type: 'gauge',
    labels: ['state'],
    help: 'Connections to upstreams: busy with a request, of HTTP/2 its streams, and idle ones of HTTP/1.1.',
  },
  gateway_upstream_queue_depth: {
    type: 'gauge',
    labels: [],
    help: 'Requests that wait for a connection to an upstream.',
  },
  gateway_upstream_target_state: {
    type: 'gauge',
    labels: ['upstream', 'target'],
    help: 'State of a target of a named upstream: 0 healthy, 1 ejected after failed requests, 2 its health checks failed.',
  },
  gateway_workers: {
    type: 'gauge',
    labels: ['state'],
    help: 'Worker processes of a gateway: those that start, serve, or finish their requests to end.',
  },
  gateway_worker_failures_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Worker processes that ended by themselves and were replaced: crashed, or killed because they hung.',
  },
  a2a_sends_total: { type: 'counter', labels: ['target'], help: 'Messages sent, by kind of target.' },
  a2a_deliveries_total: {
    type: 'counter',
    labels: ['target'],
    help: 'Deliveries of messages, to each recipient and node.',
  },
  a2a_rejections_total: { type: 'counter', labels: ['code'], help: 'Messages that were rejected, by error code.' },
  a2a_request_duration_seconds: {
    type: 'histogram',
    labels: ['outcome'],
    help: 'Time from a request to its last answer or its failure.',
    buckets: DURATION_BUCKETS,
  },
  a2a_queue_depth: {
    type: 'histogram',
    labels: [],
    help: 'Messages that wait in an inbox, as each one arrives.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
  },
  process_event_loop_lag_seconds: {
    type: 'gauge',
    labels: ['stat'],
    help: 'Delay of the event loop since the export before: its median, 99th percentile and maximum.',
  },
};

/** Help text of a metric that nothing describes: its name in words. */
export const helpOf = (name: string): string => `${name.replaceAll(/[_:]+/g, ' ').trim()} (no description)`;

export const METRIC_NAME: RegExp = /^[a-zA-Z_:][a-zA-Z0-9_:]{0,255}$/;

/** Checks a definition of a caller. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkDefinition(name: string, definition: MetricDefinition): void {
  const place = `definitions.${name.slice(0, 256)}`;
  const wrong = (what: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', `${place} ${what}`);
  checkKnownOptions(place, definition, ['type', 'help', 'labels', 'buckets']);
  const { type, help, buckets } = definition;
  if (!METRIC_NAME.test(name))
    throw wrong('is not a metric name: letters, digits, _ and :, not beginning with a digit');
  if (type !== 'counter' && type !== 'gauge' && type !== 'histogram')
    throw wrong("must have type 'counter', 'gauge' or 'histogram'");
  OPTION.string(`${place}.help`, help);
  if (buckets === undefined) return;
  if (!Array.isArray(buckets)) throw wrong('must have a list of buckets');
  const ascending = buckets.every((one, at) => Number.isFinite(one) && (at === 0 || one > (buckets[at - 1] as number)));
  if (!ascending || buckets.length === 0 || buckets.length > 100)
    throw wrong('must have 1 to 100 finite, ascending buckets');
}
