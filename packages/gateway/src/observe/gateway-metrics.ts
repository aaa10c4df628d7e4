import type { MetricsRecorder } from '@agentwire/core';
import type { RequestSummary } from '../options/gateway-options.ts';

type Labels = Readonly<Record<string, string>>;

const NONE: Labels = Object.freeze({});
const phase = (name: string): Labels => Object.freeze({ phase: name });
const BUSY: Labels = Object.freeze({ state: 'busy' });
const [QUEUE, AGENTS, UPSTREAM] = [phase('queue'), phase('agents'), phase('upstream')];

/** Part of a {@link RequestSummary} that is measured, with the times at the upstream. */
export type MeasuredRequest = Pick<
  RequestSummary,
  'status' | 'durationMs' | 'agentsMs' | 'requestBytes' | 'responseBytes'
> & {
  /** Time in the queue for a connection to the upstream; `undefined` where the request did not get that far. */
  readonly queuedMs?: number | undefined;
  /** Time from sending the request to the head of the response; `undefined` where none came. */
  readonly upstreamMs?: number | undefined;
};

/** Records what a gateway does with requests; labels are few and found by identity. */
export class GatewayMetrics {
  readonly #recorder: MetricsRecorder;
  readonly #labels = new Map<string, Labels>();
  #queued = 0;
  #busy = 0;

  constructor(recorder: MetricsRecorder) {
    this.#recorder = recorder;
  }

  /** Records a request that is over. */
  record(request: MeasuredRequest, decision: RequestSummary['outcome'] | 'overloaded'): void {
    const recorder = this.#recorder;
    recorder.count('gateway_requests_total', this.#labelsOf(request.status, decision));
    recorder.observe('gateway_request_duration_seconds', NONE, request.durationMs / 1000);
    const { agentsMs, queuedMs, upstreamMs } = request;
    if (agentsMs > 0) recorder.observe('gateway_request_phase_seconds', AGENTS, agentsMs / 1000);
    if (queuedMs !== undefined) recorder.observe('gateway_request_phase_seconds', QUEUE, queuedMs / 1000);
    if (upstreamMs !== undefined) recorder.observe('gateway_request_phase_seconds', UPSTREAM, upstreamMs / 1000);
    if (request.requestBytes > 0) recorder.count('gateway_request_bytes_total', NONE, request.requestBytes);
    if (request.responseBytes > 0) recorder.count('gateway_response_bytes_total', NONE, request.responseBytes);
  }

  /** Records a request that waits for a connection to the upstream. */
  queued(): void {
    this.#recorder.gauge('gateway_upstream_queue_depth', NONE, ++this.#queued);
  }

  /** Records a queued request that got a connection. */
  sent(): void {
    this.#recorder.gauge('gateway_upstream_queue_depth', NONE, --this.#queued);
    this.#recorder.gauge('gateway_upstream_connections', BUSY, ++this.#busy);
  }

  /** Records the end of a request that was queued. @param wasSent `true` where it had got a connection */
  ended(wasSent: boolean): void {
    if (wasSent) this.#recorder.gauge('gateway_upstream_connections', BUSY, --this.#busy);
    else this.#recorder.gauge('gateway_upstream_queue_depth', NONE, --this.#queued);
  }

  #labelsOf(status: number, decision: string): Labels {
    const key = `${status} ${decision}`;
    let labels = this.#labels.get(key);
    if (labels === undefined) this.#labels.set(key, (labels = Object.freeze({ status: String(status), decision })));
    return labels;
  }
}
