import type { AgentwireError, Decision } from '@agentwire/core';
import { SafeTracer, type SpanAttributes } from '@agentwire/core/internal';
import type { ResolvedPoolOptions } from '../options.ts';
import { checkEvent, EVENT_BIT, type PoolAskOptions, type Question } from '../question.ts';

type Ask = (question: Question, options?: PoolAskOptions) => Promise<Decision>;

/**
 * Client spans of one agent: one for every event, from the call to the decision or the error, the time in the queue included.
 * The head of a request takes the span along, so that the agent's own spans come under it.
 */
export class AgentSpans {
  readonly #agent: string;
  readonly #tracer: SafeTracer;
  readonly #attributes = new Map<string, SpanAttributes>();

  constructor(
    agent: string,
    tracer: NonNullable<ResolvedPoolOptions['tracer']>,
    logger: ResolvedPoolOptions['logger'],
  ) {
    this.#agent = agent;
    this.#tracer = new SafeTracer(tracer, logger);
  }

  /** `true` while there are no spans to make. */
  get isIdle(): boolean {
    return this.#tracer.isIdle;
  }

  /** Asks within a span. */
  ask(question: Question, options: PoolAskOptions | undefined, ask: Ask): Promise<Decision> {
    checkEvent(question);
    const { type } = question;
    // an unknown type is refused, and no name of a span
    if (!Object.hasOwn(EVENT_BIT, type)) return ask(question, options);
    const inHead = question.type === 'requestHeaders' ? question.metadata?.traceparent : undefined;
    const span = this.#tracer.start(`${this.#agent}/${type}`, {
      kind: 'client',
      parent: options?.traceparent ?? inHead,
      attributes: this.#attributesOf(type),
    });
    if (span === undefined) return ask(question, options);
    const { traceparent } = span;
    // not as the active span: nothing below makes spans
    const sent =
      question.type === 'requestHeaders' && traceparent !== undefined && traceparent !== inHead
        ? { ...question, metadata: { ...question.metadata, traceparent } }
        : question;
    const answer = ask(sent, options);
    if (!span.isRecording) return answer;
    return answer.then(
      (decision) => {
        span.end(undefined, { 'agentwire.decision': decision.verdict.type });
        return decision;
      },
      (error: AgentwireError) => {
        span.end(error.code);
        throw error;
      },
    );
  }

  #attributesOf(type: string): SpanAttributes {
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
