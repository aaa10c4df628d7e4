/** Attributes of a span; few and short, never a payload. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Beginning of a span. */
export interface SpanStart {
  /** Role in the exchange, as OpenTelemetry names span kinds. */
  readonly kind: 'producer' | 'consumer';
  /** W3C `traceparent` of the span that this one belongs under. Default: the active span, or none. */
  readonly parent?: string | undefined;
  /** W3C `traceparent`s of spans that led to this one without being above it. */
  readonly links?: readonly string[];
  readonly attributes: SpanAttributes;
}

/** Span that has begun. */
export interface TraceSpan {
  /** W3C `traceparent` of the span, to be propagated. */
  readonly traceparent: string;
  /** Runs `action` with this span as the active one, and returns its result. */
  run<T>(action: () => T): T;
  /** Ends the span; `errorCode` is the code of a failure. */
  end(errorCode?: string): void;
}

/**
 * Receiver of spans: an object of yours that passes them to what you trace with, because agentwire imports no OpenTelemetry.
 *
 * The default everywhere is none, which costs nothing.
 */
export interface Tracer {
  /** Begins a span. */
  startSpan(name: string, start: SpanStart): TraceSpan;
}
