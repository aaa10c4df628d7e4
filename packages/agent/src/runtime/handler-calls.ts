import type { Clock, Decision, Logger, ProxyEvent, Tracer } from '@agentwire/core';
import type { Message } from '../body/message.ts';
import { askForMore, checkAfterSkip, checkDecision, placeMutation } from '../decision/check-decision.ts';
import type { Agent } from '../define/define-agent.ts';
import type { AgentHandlers, MaybePromise } from '../handler/agent-handlers.ts';
import type { ConcurrencyLimiter } from '../run/concurrency-limiter.ts';
import type { Reply } from '../run/handler-run.ts';
import { type ChallengeFallback, QuirkAdapter } from '../zentinel/quirks.ts';
import { BodyChanges } from './body-changes.ts';
import type { EventContext } from './event-context.ts';
import { failureObserverOf } from './handler-error.ts';
import { HandlerOutcomes } from './handler-outcomes.ts';
import { HandlerSpans } from './handler-spans.ts';

/** Options of {@link HandlerCalls}. */
export interface HandlerCallOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly challengeFallback: ChallengeFallback;
  readonly tracer?: Tracer | undefined;
}

type OnRefused = (event: ProxyEvent, context: EventContext) => void;

/** Calls handlers, and turns their results into replies, synchronously where possible. */
export class HandlerCalls {
  readonly outcomes: HandlerOutcomes;
  readonly #limiter: ConcurrencyLimiter;
  readonly #quirks: QuirkAdapter;
  readonly #onRefused: OnRefused;
  readonly #bodies: BodyChanges;
  readonly #spans: HandlerSpans | undefined;

  /** @param onRefused called for each event whose request ends with its decision */
  constructor(
    agent: Pick<Agent, 'name' | 'limits'>,
    limiter: ConcurrencyLimiter,
    options: HandlerCallOptions,
    onRefused: OnRefused,
  ) {
    this.#onRefused = onRefused;
    this.#spans = options.tracer && new HandlerSpans(agent.name, options.tracer, options.logger);
    this.#limiter = limiter;
    this.#quirks = new QuirkAdapter(options.logger, options.challengeFallback);
    const outcomes = new HandlerOutcomes(agent, limiter, options, failureObserverOf(agent));
    this.outcomes = outcomes;
    this.#bodies = new BodyChanges((run, context, decided) => outcomes.follow(run, context, decided));
  }

  /** Checks that one more request may run, and counts a refusal. @throws AgentwireError `ERR_OVERLOADED` at the limit */
  admit(): void {
    try {
      this.#limiter.check();
    } catch (error) {
      this.outcomes.counts.overloaded += 1;
      throw error;
    }
  }

  /**
   * Calls a handler and returns the reply that its result makes; a decision that is returned synchronously is not delayed.
   *
   * @param message message whose chunks another handler decides on, where `event` is its head
   * @throws the handler's error, as the proxy is to see it
   */
  call<Subject>(
    handler: (subject: Subject, context: EventContext) => MaybePromise<Decision>,
    subject: Subject,
    context: EventContext,
    event: ProxyEvent,
    name: keyof AgentHandlers,
    message?: Message,
  ): Decision | Promise<Reply> {
    try {
      const result =
        this.#spans === undefined || this.#spans.isIdle
          ? handler(subject, context)
          : this.#spans.call(event.type, context, () => handler(subject, context));
      if (result instanceof Promise) return this.#follow(result, context, event, name, message);
      context.createdRun?.returned();
      return this.#decided(this.#conclude(result, context, event, name, message), context, event);
    } catch (error) {
      context.createdRun?.returned();
      throw this.outcomes.report(error, context);
    }
  }

  /** Settles a handler that decided at once. */
  #decided(decision: Decision, context: EventContext, event: ProxyEvent): Decision | Promise<Reply> {
    let reply = decision;
    if (context.bodyChange !== undefined) {
      const changed = this.#bodies.apply(decision, context, event);
      if (changed instanceof Promise) return this.outcomes.follow(context.run, context, changed).head();
      reply = changed;
    }
    context.decided = true;
    context.createdRun?.settle(reply, true);
    return reply;
  }

  #follow(
    result: Promise<Decision>,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision | Promise<Reply> {
    const conclude = (given: Decision): Decision | Promise<Decision> => {
      if (context.createdRun?.skipped === true) checkAfterSkip(checkDecision(handler, given));
      const decision = this.#conclude(given, context, event, handler, message);
      return context.bodyChange === undefined ? decision : this.#bodies.apply(decision, context, event);
    };
    return this.outcomes.follow(context.run, context, result, conclude).head();
  }

  #conclude(
    result: Decision,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision {
    let decision = placeMutation(checkDecision(handler, result), event, context);
    const { peer } = context;
    if (peer.quirks.length > 0 || decision.verdict.type === 'challenge') {
      decision = this.#quirks.adapt(decision, event, peer);
    }
    if (decision.cache !== undefined && event.type !== 'requestHeaders') this.outcomes.uncached(handler);
    const verdict = decision.verdict.type;
    this.outcomes.counts[verdict] += 1;
    if (verdict === 'block' || verdict === 'redirect') this.#onRefused(event, context);
    return askForMore(decision, result, event, message);
  }
}
