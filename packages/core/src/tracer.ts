import type { Logger } from './logger.ts';
import { readTraceparent } from './traceparent.ts';

/** Attributes of a span; few and short, never a payload. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Beginning of a span. */
export interface SpanStart {
  /** Role in the exchange, as OpenTelemetry names span kinds. */
  readonly kind: 'producer' | 'consumer' | 'client' | 'server';
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
  /** Ends the span; `errorCode` is the code of a failure, `attributes` what is only known at the end. */
  end(errorCode?: string, attributes?: SpanAttributes): void;
}

/**
 * Receiver of spans: `traceWith` of `@agentwire/metrics` makes one of an OpenTelemetry tracer, or an object of yours passes them to
 * what you trace with.
 *
 * The default everywhere is none, which costs nothing.
 */
export interface Tracer {
  /** Begins a span. */
  startSpan(name: string, start: SpanStart): TraceSpan;
}

/** Span of a {@link SafeTracer}: whatever its tracer does, an action runs once, and nothing throws but the action. */
export class SafeSpan {
  readonly #span: TraceSpan;
  readonly #logger: Logger;
  /** W3C `traceparent` of the span; `undefined` where its tracer gave none that is valid. */
  readonly traceparent: string | undefined;

  constructor(span: TraceSpan, logger: Logger) {
    this.#span = span;
    this.#logger = logger;
    this.traceparent = readTraceparent(span.traceparent);
  }

  /** Runs the action once with this span as the active one: a tracer that fails, or runs it later, is not waited for. */
  run<T>(action: () => T): T {
    let done: { readonly result: T } | { readonly error: unknown } | undefined;
    const once = (): void => {
      if (done !== undefined) return;
      try {
        done = { result: action() };
      } catch (error) {
        done = { error };
      }
    };
    guardTracer(this.#logger, () => this.#span.run(once));
    once();
    const end = done as unknown as { readonly result: T } | { readonly error: unknown };
    if ('error' in end) throw end.error;
    return end.result;
  }

  end(errorCode?: string, attributes?: SpanAttributes): void {
    guardTracer(this.#logger, () => this.#span.end(errorCode, attributes));
  }
}

/** Tracer whose failures are logged and change nothing. */
export class SafeTracer {
  readonly #tracer: Tracer;
  readonly #logger: Logger;

  constructor(tracer: Tracer, logger: Logger) {
    this.#tracer = tracer;
    this.#logger = logger;
  }

  /** Begins a span; `undefined` where the tracer fails. */
  start(name: string, start: SpanStart): SafeSpan | undefined {
    return guardTracer(this.#logger, () => new SafeSpan(this.#tracer.startSpan(name, start), this.#logger));
  }
}

function guardTracer<T>(logger: Logger, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    logger.error({ err: error }, 'a tracer failed');
    return undefined;
  }
}
