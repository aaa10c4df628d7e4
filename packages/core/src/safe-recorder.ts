import { containRejection } from './contain-rejection.ts';
import type { Logger } from './logger.ts';
import type { MetricsReport } from './message/control.ts';
import type { MetricHandle, MetricLabels, MetricsRecorder, MetricType } from './metrics-recorder.ts';

type Guard = (action: (recorder: MetricsRecorder) => unknown) => void;

/** Series of a {@link SafeRecorder}: what its recorder throws is logged. */
export class SafeHandle {
  readonly #handle: MetricHandle;
  readonly #logger: Logger;

  constructor(handle: MetricHandle, logger: Logger) {
    this.#handle = handle;
    this.#logger = logger;
  }

  record(value: number): void {
    try {
      const result: unknown = this.#handle.record(value);
      if (result !== undefined) containRejection(result, (error) => logFailure(this.#logger, error));
    } catch (error) {
      logFailure(this.#logger, error);
    }
  }
}

/** Recorder whose failures are logged and change nothing, and which may be absent. */
export class SafeRecorder {
  /** Recorder that the values go to; without one nothing is recorded. Set by {@link start} only. */
  recorder: MetricsRecorder | undefined;
  readonly #logger: Logger;

  constructor(recorder: MetricsRecorder | undefined, logger: Logger) {
    this.recorder = recorder;
    this.#logger = logger;
  }

  /** Begins to record, where there was no recorder. */
  start(recorder: MetricsRecorder): void {
    this.recorder ??= recorder;
  }

  count(name: string, labels: MetricLabels, value = 1): void {
    this.#guard((recorder) => recorder.count(name, labels, value));
  }

  gauge(name: string, labels: MetricLabels, value: number): void {
    this.#guard((recorder) => recorder.gauge(name, labels, value));
  }

  observe(name: string, labels: MetricLabels, value: number): void {
    this.#guard((recorder) => recorder.observe(name, labels, value));
  }

  recordReport(agent: string, report: MetricsReport): void {
    this.#guard((recorder) => recorder.recordReport?.(agent, report));
  }

  removeAgent(agent: string): void {
    this.#guard((recorder) => recorder.removeAgent?.(agent));
  }

  /** Returns one series, to be kept by a caller that records it often. */
  handle(type: MetricType, name: string, labels: MetricLabels): SafeHandle {
    const frozen = Object.freeze({ ...labels });
    let handle: MetricHandle | undefined;
    this.#guard((recorder) => {
      handle = recorder.handle?.(type, name, frozen);
    });
    return new SafeHandle(handle ?? unkeptHandle(this.#guard, type, name, frozen), this.#logger);
  }

  readonly #guard: Guard = (action) => {
    if (this.recorder === undefined) return;
    try {
      const result = action(this.recorder);
      if (result !== undefined) containRejection(result, (error) => logFailure(this.#logger, error));
    } catch (error) {
      logFailure(this.#logger, error);
    }
  };
}

/** Series of a recorder that gives no handles. */
function unkeptHandle(guard: Guard, type: MetricType, name: string, labels: MetricLabels): MetricHandle {
  if (type === 'counter') return { record: (value) => guard((recorder) => recorder.count(name, labels, value)) };
  if (type === 'gauge') return { record: (value) => guard((recorder) => recorder.gauge(name, labels, value)) };
  return { record: (value) => guard((recorder) => recorder.observe(name, labels, value)) };
}

function logFailure(logger: Logger, error: unknown): void {
  logger.error({ err: error }, 'a metrics recorder failed');
}
