/** Facts about a span; few and short, never a payload. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span as it begins. */
export interface SpanStart {
  /** Role in the exchange, as OpenTelemetry names span kinds. */
  readonly kind: 'producer' | 'consumer';
  /** W3C `traceparent` of the span that this one belongs under. Default: the active span, or none. */
  readonly parent?: string | undefined;
  /** W3C `traceparent`s of spans that led to this one without being above it. */
  readonly links?: readonly string[];
  readonly attributes: SpanAttributes;
}

/** A span that has begun. */
export interface TraceSpan {
  /** W3C `traceparent` that names it to others. */
  readonly traceparent: string;
  /** Runs `action` with this span as the active one, and gives back what it gives. */
  run<T>(action: () => T): T;
  /** Ends it; `errorCode` is the code of what went wrong. */
  end(errorCode?: string): void;
}

/**
 * Where spans go: an object of yours that hands them to what you trace with, because agentwire imports no OpenTelemetry.
 *
 * The default everywhere is none, which costs nothing.
 */
export interface Tracer {
  /** Begins a span. */
  startSpan(name: string, start: SpanStart): TraceSpan;
}
