import type { SafeHandle, SafeRecorder } from '@agentwire/core/internal';
import type { RequestSummary } from '../options/gateway-options.ts';

type Labels = Readonly<Record<string, string>>;
type MeasuredDecision = RequestSummary['outcome'] | 'overloaded';

const NONE: Labels = Object.freeze({});

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

/** Records what a gateway does with requests; each series is found once and kept. */
export class GatewayMetrics {
  readonly #recorder: SafeRecorder;
  readonly #duration: SafeHandle;
  readonly #agents: SafeHandle;
  readonly #queue: SafeHandle;
  readonly #upstream: SafeHandle;
  readonly #requestBytes: SafeHandle;
  readonly #responseBytes: SafeHandle;
  /** Counters of requests by decision, then by status. */
  readonly #requests = new Map<MeasuredDecision, Map<number, SafeHandle>>();
  /** Counters of failures by code. */
  readonly #failures = new Map<string, SafeHandle>();

  constructor(recorder: SafeRecorder) {
    this.#recorder = recorder;
    const phase = (name: string): SafeHandle =>
      recorder.handle('histogram', 'gateway_request_phase_seconds', { phase: name });
    this.#duration = recorder.handle('histogram', 'gateway_request_duration_seconds', NONE);
    this.#agents = phase('agents');
    this.#queue = phase('queue');
    this.#upstream = phase('upstream');
    this.#requestBytes = recorder.handle('counter', 'gateway_request_bytes_total', NONE);
    this.#responseBytes = recorder.handle('counter', 'gateway_response_bytes_total', NONE);
  }

  /** Records a request that is over. @param error code of the error that it failed with */
  record(request: MeasuredRequest, decision: MeasuredDecision, error?: string): void {
    const { status, durationMs, agentsMs, queuedMs, upstreamMs, requestBytes, responseBytes } = request;
    this.#requestsOf(decision, status).record(1);
    if (error !== undefined) this.#failuresOf(error).record(1);
    this.#duration.record(durationMs / 1000);
    if (agentsMs > 0) this.#agents.record(agentsMs / 1000);
    if (queuedMs !== undefined) this.#queue.record(queuedMs / 1000);
    if (upstreamMs !== undefined) this.#upstream.record(upstreamMs / 1000);
    if (requestBytes > 0) this.#requestBytes.record(requestBytes);
    if (responseBytes > 0) this.#responseBytes.record(responseBytes);
  }

  #failuresOf(code: string): SafeHandle {
    let handle = this.#failures.get(code);
    if (handle === undefined) {
      handle = this.#recorder.handle('counter', 'gateway_request_failures_total', { code });
      this.#failures.set(code, handle);
    }
    return handle;
  }

  #requestsOf(decision: MeasuredDecision, status: number): SafeHandle {
    let byStatus = this.#requests.get(decision);
    if (byStatus === undefined) this.#requests.set(decision, (byStatus = new Map()));
    let handle = byStatus.get(status);
    if (handle === undefined) {
      handle = this.#recorder.handle('counter', 'gateway_requests_total', { status: String(status), decision });
      byStatus.set(status, handle);
    }
    return handle;
  }
}
