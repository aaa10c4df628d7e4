import { containRejection } from './contain-rejection.ts';
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
  /** `false` for a span that is not sampled: it is propagated, and its end is not told. Default `true`. */
  readonly isRecording?: boolean;
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
  /** `true` while {@link startSpan} would give no span: callers then prepare none. Read for each span; default `false`. */
  readonly isIdle?: boolean;
  /** Begins a span; `undefined` where nothing is recorded and nothing has to be propagated. */
  startSpan(name: string, start: SpanStart): TraceSpan | undefined;
}

/** Span whose `traceparent` is well-formed, so that it need not be checked again. */
export abstract class CheckedSpan implements TraceSpan {
  abstract readonly traceparent: string;
  abstract readonly isRecording: boolean;
  abstract run<T>(action: () => T): T;
  abstract end(errorCode?: string, attributes?: SpanAttributes): void;
}

/** Span of a {@link SafeTracer}: whatever its tracer does, an action runs once, and nothing throws but the action. */
export class SafeSpan {
  readonly #span: TraceSpan;
  readonly #logger: Logger;
  /** `false` where neither its end nor anything about it has to be told. */
  readonly isRecording: boolean;
  /** Text that was read once; `null` where it is none. */
  #traceparent: string | null | undefined;

  constructor(span: TraceSpan, logger: Logger) {
    this.#span = span;
    this.#logger = logger;
    this.isRecording = span.isRecording !== false;
  }

  /** W3C `traceparent` of the span; `undefined` where its tracer gives none that is valid. */
  get traceparent(): string | undefined {
    if (this.#traceparent === undefined) {
      try {
        const { traceparent } = this.#span;
        this.#traceparent = this.#span instanceof CheckedSpan ? traceparent : (readTraceparent(traceparent) ?? null);
      } catch (error) {
        logFailure(this.#logger, error);
        this.#traceparent = null;
      }
    }
    return this.#traceparent ?? undefined;
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
    try {
      containRejection(this.#span.run(once), (error) => logFailure(this.#logger, error));
    } catch (error) {
      logFailure(this.#logger, error);
    }
    once();
    const end = done as unknown as { readonly result: T } | { readonly error: unknown };
    if ('error' in end) throw end.error;
    return end.result;
  }

  end(errorCode?: string, attributes?: SpanAttributes): void {
    if (!this.isRecording) return;
    try {
      containRejection(this.#span.end(errorCode, attributes), (error) => logFailure(this.#logger, error));
    } catch (error) {
      logFailure(this.#logger, error);
    }
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

  /** `true` where a span need not be asked for. */
  get isIdle(): boolean {
    try {
      return this.#tracer.isIdle === true;
    } catch (error) {
      logFailure(this.#logger, error);
      return true;
    }
  }

  /** Begins a span; `undefined` where the tracer gives none or fails. */
  start(name: string, start: SpanStart): SafeSpan | undefined {
    try {
      const span = this.#tracer.startSpan(name, start);
      containRejection(span, (error) => logFailure(this.#logger, error));
      return span && new SafeSpan(span, this.#logger);
    } catch (error) {
      logFailure(this.#logger, error);
      return undefined;
    }
  }
}

function logFailure(logger: Logger, error: unknown): void {
  logger.error({ err: error }, 'a tracer failed');
}
