import type { AgentwireError, Decision, Logger, ProxyEvent, Tracer } from '@agentwire/core';
import { SafeTracer, type SpanAttributes } from '@agentwire/core/internal';
import type { MaybePromise } from '../handler/agent-handlers.ts';
import type { EventContext } from './event-context.ts';
import { toHandlerError } from './handler-error.ts';

/**
 * Server spans of an agent: one for every call of a handler, under the span of the request's head, until the handler has decided.
 * The span is the active one while the handler runs, and `context.traceparent` names it.
 */
export class HandlerSpans {
  readonly #agent: string;
  readonly #tracer: SafeTracer;
  readonly #attributes = new Map<string, SpanAttributes>();

  constructor(agent: string, tracer: Tracer, logger: Logger) {
    this.#agent = agent;
    this.#tracer = new SafeTracer(tracer, logger);
  }

  /** `true` while there are no spans to make. */
  get isIdle(): boolean {
    return this.#tracer.isIdle;
  }

  /** Calls a handler within a span. */
  call(type: ProxyEvent['type'], context: EventContext, handler: () => MaybePromise<Decision>): MaybePromise<Decision> {
    const span = this.#tracer.start(`${this.#agent}/${type}`, {
      kind: 'server',
      parent: context.traceparent,
      attributes: this.#attributesOf(type),
    });
    if (span === undefined) return handler();
    context.span = span;
    if (!span.isRecording) return span.run(handler);
    const ended = (decision: Decision): void =>
      // a handler of JavaScript may give anything, which is judged later
      span.end(undefined, { 'agentwire.decision': `${(decision as Partial<Decision>)?.verdict?.type}`.slice(0, 64) });
    const failed = (error: unknown): void => span.end((toHandlerError(error) as AgentwireError).code ?? 'ERR_HANDLER');
    let result: MaybePromise<Decision>;
    try {
      result = span.run(handler);
    } catch (error) {
      failed(error);
      throw error;
    }
    if (result instanceof Promise) result.then(ended, failed);
    else ended(result);
    return result;
  }

  #attributesOf(type: ProxyEvent['type']): SpanAttributes {
    let attributes = this.#attributes.get(type);
    if (attributes === undefined) {
      attributes = {
        'rpc.system.name': 'agentwire',
        'rpc.method': `${this.#agent}/${type}`,
        'agentwire.agent': this.#agent,
      };
      this.#attributes.set(type, attributes);
    }
    return attributes;
  }
}
