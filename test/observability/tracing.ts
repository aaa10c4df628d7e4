import type { Attributes } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type Span,
} from '@opentelemetry/sdk-trace-node';

/** Status of a failed span in OpenTelemetry. */
const ERROR = 2;

/** Finished span, as a test compares it. */
export interface SeenSpan {
  readonly name: string;
  /** Number of the kind in OpenTelemetry: 1 server, 2 client. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly failed: boolean;
  readonly attributes: Attributes;
}

/**
 * Installs the OpenTelemetry SDK in this process with an exporter in memory.
 *
 * @returns the spans that ended, the names of those that have not, and an end to it
 */
export function traced(): {
  spans: () => SeenSpan[];
  open: () => string[];
  reset: () => void;
  shutdown: () => Promise<void>;
} {
  const exporter = new InMemorySpanExporter();
  const live = new Map<string, string>();
  const watch = {
    onStart: (span: Pick<Span, 'name' | 'spanContext'>) => void live.set(span.spanContext().spanId, span.name),
    onEnd: (span: Pick<Span, 'spanContext'>) => void live.delete(span.spanContext().spanId),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), watch] });
  provider.register();
  return {
    open: () => [...live.values()],
    spans: () =>
      exporter.getFinishedSpans().map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: span.spanContext().traceId,
        spanId: span.spanContext().spanId,
        parentId: span.parentSpanContext?.spanId,
        failed: (span.status.code as number) === ERROR,
        attributes: span.attributes,
      })),
    reset: () => exporter.reset(),
    shutdown: () => provider.shutdown(),
  };
}

/** Prints spans as an indented tree of names, children in the order in which they ended. */
export function treeOf(spans: readonly SeenSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const lines: string[] = [];
  const add = (span: SeenSpan, indent: string): void => {
    lines.push(`${indent}${['internal', 'server', 'client'][span.kind] ?? span.kind} ${span.name}`);
    for (const child of spans) if (child.parentId === span.spanId) add(child, `${indent}  `);
  };
  for (const span of spans) if (span.parentId === undefined || !ids.has(span.parentId)) add(span, '');
  return lines.join('\n');
}
