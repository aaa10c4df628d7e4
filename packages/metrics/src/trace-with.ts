import type { SpanStart, Tracer, TraceSpan } from '@agentwire/core';
import { readTraceparent } from '@agentwire/core/internal';
import {
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer as OpenTelemetryTracer,
} from '@opentelemetry/api';

const KINDS: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Reads a `traceparent`; `undefined` for one that is not valid. */
function spanContextOf(text: string | undefined): SpanContext | undefined {
  const valid = readTraceparent(text);
  if (valid === undefined) return undefined;
  const traceFlags = Number.parseInt(valid.slice(53), 16) & 1;
  return { traceId: valid.slice(3, 35), spanId: valid.slice(36, 52), traceFlags, isRemote: true };
}

function contextOf(parent: string | undefined): Context {
  if (parent === undefined) return context.active();
  const remote = spanContextOf(parent);
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}

class OpenTelemetrySpan implements TraceSpan {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  get traceparent(): string {
    const own = this.#span.spanContext();
    // without an SDK a span has no context of its own
    return isSpanContextValid(own) ? `00-${own.traceId}-${own.spanId}-0${own.traceFlags & 1}` : '';
  }

  run<T>(action: () => T): T {
    return context.with(trace.setSpan(context.active(), this.#span), action);
  }

  end(errorCode?: string, attributes?: Parameters<TraceSpan['end']>[1]): void {
    const span = this.#span;
    if (span.isRecording()) {
      if (attributes !== undefined) span.setAttributes(attributes);
      if (errorCode !== undefined) span.setAttribute('error.type', errorCode).setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}

/**
 * Makes a tracer for `tracer` of a pool, an agent, a gateway or an A2A router of an OpenTelemetry tracer. Parents come from the
 * `traceparent` that a message has; whether a span is sampled is up to the SDK, whose default obeys the parent's flag. Without an SDK
 * nothing is recorded, and a `traceparent` is passed on as it came.
 */
export function traceWith(tracer: OpenTelemetryTracer): Tracer {
  return {
    startSpan(name, { kind, parent, links, attributes }) {
      const options = {
        kind: KINDS[kind],
        attributes,
        ...(links !== undefined && {
          links: links.flatMap((one) => {
            const linked = spanContextOf(one);
            return linked === undefined ? [] : [{ context: linked }];
          }),
        }),
      };
      return new OpenTelemetrySpan(tracer.startSpan(name, options, contextOf(parent)));
    },
  };
}
