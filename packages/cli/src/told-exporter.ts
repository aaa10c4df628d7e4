import type { Logger } from '@agentwire/core';

/** Outcome of an export; 0 is success. */
interface ExportResult {
  readonly code: number;
  readonly error?: Error;
}

/** Exporter of spans, as OpenTelemetry has it. */
export interface SpanExporter {
  export(spans: unknown, done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
  forceFlush?(): Promise<void>;
}

/** Makes an exporter tell in the log that spans are lost: OpenTelemetry tells it nowhere unless a program asks for that. */
export function toldExporter(exporter: SpanExporter, logger: Logger): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code !== 0)
          logger.warn({ reason: result.error?.message }, 'spans could not be sent to the OTLP receiver, and are lost');
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
