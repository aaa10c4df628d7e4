import type { SpanStart, Tracer, TraceSpan } from '@agentwire/core';
import { CheckedSpan, checkOptions, OPTION, readTraceparent } from '@agentwire/core/internal';
import {
  type Context,
  context,
  INVALID_TRACEID,
  type Link,
  ProxyTracer,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer as OpenTelemetryTracer,
} from '@opentelemetry/api';
import { ActiveSpan } from './active-span.ts';
import { LiveSpans } from './live-spans.ts';

const KINDS: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Reads a `traceparent` of version 00. */
function spanContextOf(valid: string): SpanContext {
  const traceFlags = Number.parseInt(valid.slice(53), 16) & 1;
  return { traceId: valid.slice(3, 35), spanId: valid.slice(36, 52), traceFlags, isRemote: true };
}

function linksOf(traceparents: readonly string[]): Link[] {
  return traceparents.flatMap((one) => {
    const valid = readTraceparent(one);
    return valid === undefined ? [] : [{ context: spanContextOf(valid) }];
  });
}

/** Returns the context under a parent; `undefined` stands for one that is no `traceparent`. */
function contextOf(parent: string | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : new ActiveSpan(trace.wrapSpanContext(spanContextOf(parent)));
}

/** Returns whether a span has ids to be propagated; none has where tracing is suppressed. */
function hasIds({ traceId, spanId }: SpanContext): boolean {
  return traceId.length === 32 && spanId.length === 16 && traceId !== INVALID_TRACEID;
}

/** Returns whether the flags of a `traceparent` of version 00 say that its trace is sampled. */
function isSampled(valid: string): boolean {
  return (Number.parseInt(valid.slice(54), 16) & 1) === 1;
}

/** Stands for a span under one that is not sampled: it is active and propagated, and the SDK is not asked. */
class UnsampledSpan implements TraceSpan {
  readonly traceparent: string;
  readonly isRecording = false;

  constructor(parent: string) {
    this.traceparent = parent;
  }

  run<T>(action: () => T): T {
    const span = trace.wrapSpanContext(spanContextOf(this.traceparent));
    return context.with(new ActiveSpan(span, context.active()), action);
  }

  end(): void {
    // nothing was recorded
  }
}

class OpenTelemetrySpan extends CheckedSpan {
  readonly #span: Span;
  readonly isRecording: boolean;
  readonly #live: LiveSpans<OpenTelemetrySpan>;
  #traceparent: string | undefined;

  constructor(span: Span, live: LiveSpans<OpenTelemetrySpan>) {
    super();
    this.#span = span;
    this.isRecording = span.isRecording();
    this.#live = live;
  }

  get traceparent(): string {
    if (this.#traceparent === undefined) {
      const { traceId, spanId, traceFlags } = this.#span.spanContext();
      this.#traceparent = `00-${traceId}-${spanId}-0${traceFlags & 1}`;
      // a span that is not sampled is not told its end
      if (this.isRecording) this.#live.add(this);
    }
    return this.#traceparent;
  }

  /** Context of its children. */
  get context(): Context {
    return new ActiveSpan(this.#span);
  }

  run<T>(action: () => T): T {
    return context.with(new ActiveSpan(this.#span, context.active()), action);
  }

  end(errorCode?: string, attributes?: Parameters<TraceSpan['end']>[1]): void {
    const span = this.#span;
    if (attributes !== undefined) span.setAttributes(attributes);
    if (errorCode !== undefined) span.setAttribute('error.type', errorCode).setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    if (this.#traceparent !== undefined) this.#live.remove(this);
  }
}

/** Settings of {@link traceWith}. */
export interface TraceWithOptions {
  /**
   * Spans under a parent that is not sampled: with `drop` there are none, whatever the SDK's sampler would say; with `ask` the sampler decides.
   * Default `drop`. Use `ask` with a sampler that does not obey clients.
   */
  readonly unsampledParents?: 'drop' | 'ask' | undefined;
}

/** Provider of a process that has registered none. */
const NO_PROVIDER = new ProxyTracerProvider().getDelegate();

/** Returns whether an SDK is registered in this process. */
function isRegistered(): boolean {
  return (trace.getTracerProvider() as Partial<ProxyTracerProvider>).getDelegate?.() !== NO_PROVIDER;
}

class OpenTelemetryTracing implements Tracer {
  #tracer: OpenTelemetryTracer;
  readonly #dropsUnsampled: boolean;
  readonly #live = new LiveSpans<OpenTelemetrySpan>();
  /** Tracer of the API alone, which records nothing, while no SDK is registered. */
  #idle: ProxyTracer | undefined;

  constructor(tracer: OpenTelemetryTracer, dropsUnsampled: boolean) {
    this.#tracer = tracer;
    this.#dropsUnsampled = dropsUnsampled;
    this.#idle = tracer instanceof ProxyTracer ? tracer : undefined;
  }

  get isIdle(): boolean {
    if (this.#idle === undefined) return false;
    if (!isRegistered()) return true;
    this.#wake(this.#idle);
    return false;
  }

  startSpan(name: string, { kind, parent, links, attributes }: SpanStart): TraceSpan | undefined {
    if (this.isIdle) return undefined;
    const above = parent === undefined ? undefined : this.#live.find(parent);
    const valid = above === undefined ? readTraceparent(parent) : parent;
    if (valid !== undefined && this.#dropsUnsampled && !isSampled(valid)) return new UnsampledSpan(valid);
    const options: SpanOptions = { kind: KINDS[kind], attributes };
    if (links !== undefined) options.links = linksOf(links);
    const under = parent === undefined ? context.active() : above === undefined ? contextOf(valid) : above.context;
    const span = this.#tracer.startSpan(name, options, under);
    return hasIds(span.spanContext()) ? new OpenTelemetrySpan(span, this.#live) : undefined;
  }

  /** Takes the tracer of the registered SDK: that of the API finds it only where both have loaded the same copy of the API. */
  #wake({ name, version, options }: ProxyTracer): void {
    this.#idle = undefined;
    this.#tracer = trace.getTracerProvider().getTracer(name, version, options);
  }
}

/**
 * Makes a tracer for `tracer` of a pool, an agent, a gateway or an A2A router of an OpenTelemetry tracer. Parents come from the
 * `traceparent` that a message has; one that is not sampled is obeyed. Until an SDK is registered nothing is recorded, and a
 * `traceparent` is passed on as it came.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming a wrong or unknown option
 */
export function traceWith(tracer: OpenTelemetryTracer, options: TraceWithOptions = {}): Tracer {
  checkOptions('traceWith', options, { unsampledParents: OPTION.oneOf('drop', 'ask') });
  return new OpenTelemetryTracing(tracer, options.unsampledParents !== 'ask');
}
