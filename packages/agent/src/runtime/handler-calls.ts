import type { Clock, Decision, Logger, ProxyEvent } from '@agentwire/core';
import type { Message } from '../body/message.ts';
import { askForMore, checkDecision, placeMutation } from '../decision/check-decision.ts';
import type { AgentHandlers, MaybePromise } from '../handler/agent-handlers.ts';
import type { ConcurrencyLimiter } from '../run/concurrency-limiter.ts';
import type { HandlerRun, Reply } from '../run/handler-run.ts';
import { LatencyWindow } from '../run/handler-times.ts';
import { type ChallengeFallback, QuirkAdapter } from '../zentinel/quirks.ts';
import type { EventContext } from './event-context.ts';
import { badBodyDecision, toHandlerError } from './handler-error.ts';

/** Options of {@link HandlerCalls}. */
export interface HandlerCallOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly challengeFallback: ChallengeFallback;
}

type OnRefused = (event: ProxyEvent, context: EventContext) => void;

/** Calls handlers, turns their results into replies, synchronously where possible, and counts them. */
export class HandlerCalls {
  readonly latencies: LatencyWindow = new LatencyWindow();
  readonly counts = {
    events: 0,
    allow: 0,
    block: 0,
    redirect: 0,
    challenge: 0,
    failures: 0,
    overloaded: 0,
    timeouts: 0,
    cancelled: 0,
  };
  readonly #limiter: ConcurrencyLimiter;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #quirks: QuirkAdapter;
  readonly #timeoutMs: number;
  readonly #onRefused: OnRefused;

  /** @param onRefused called for each event whose request ends with its decision */
  constructor(limiter: ConcurrencyLimiter, options: HandlerCallOptions, timeoutMs: number, onRefused: OnRefused) {
    this.#onRefused = onRefused;
    this.#limiter = limiter;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#quirks = new QuirkAdapter(options.logger, options.challengeFallback);
    this.#timeoutMs = timeoutMs;
  }

  /** Checks that one more request may run, and counts a refusal. @throws AgentwireError `ERR_OVERLOADED` at the limit */
  admit(): void {
    try {
      this.#limiter.check();
    } catch (error) {
      this.counts.overloaded += 1;
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
    let result: MaybePromise<Decision>;
    try {
      result = handler(subject, context);
    } catch (error) {
      context.createdRun?.returned();
      throw toHandlerError(error);
    }
    if (result instanceof Promise) return this.#follow(result, context, event, name, message);
    context.createdRun?.returned();
    const decision = this.#conclude(result, context, event, name, message);
    context.decided = true;
    context.createdRun?.settle(decision, true);
    return decision;
  }

  #follow(
    result: Promise<Decision>,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision | Promise<Reply> {
    const { run } = context;
    run.counted = true;
    this.#limiter.begin();
    void result.then(
      (given) => {
        this.#finish(run, context, () => this.#conclude(given, context, event, handler, message));
        run.returned();
      },
      (error: unknown) => {
        this.#fail(run, context, toHandlerError(error));
        run.returned();
      },
    );
    return run.head();
  }

  #finish(run: HandlerRun, context: EventContext, conclude: () => Decision): void {
    let decision: Decision;
    try {
      decision = conclude();
    } catch (error) {
      return this.#fail(run, context, error);
    }
    this.#uncount(run);
    run.settle(decision);
  }

  #fail(run: HandlerRun, context: EventContext, error: unknown): void {
    this.#uncount(run);
    // a handler whose signal is aborted may throw because of that, which is no failure
    if (run.settled || context.agentRequest.cancelled) return run.fail(error);
    const waits = run.state === 'waiting';
    try {
      run.settle(this.failed(error));
    } catch {
      run.fail(error);
    }
    if (!waits) this.#logger.warn({ err: error }, 'a handler failed while no event waited for it');
  }

  /** Counts a failure. @returns the decision for a body that cannot be read as asked @throws any other error, for the session */
  failed(error: unknown): Decision {
    this.counts.failures += 1;
    const decision = badBodyDecision(error);
    if (decision !== undefined) return decision;
    throw error;
  }

  /** Counts a handler that was given up at its deadline. */
  expired(run: HandlerRun): void {
    this.counts.timeouts += 1;
    this.counts.failures += 1;
    this.#uncount(run);
  }

  #uncount(run: HandlerRun): void {
    if (!run.counted) return;
    run.counted = false;
    this.#limiter.end();
    if (run.deadlineAt > 0) this.latencies.add(this.#clock.now() - run.deadlineAt + this.#timeoutMs);
  }

  #conclude(
    result: Decision,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision {
    let decision = placeMutation(checkDecision(handler, result), event);
    const { peer } = context;
    if (peer.quirks.length > 0 || decision.verdict.type === 'challenge') {
      decision = this.#quirks.adapt(decision, event, peer);
    }
    const verdict = decision.verdict.type;
    this.counts[verdict] += 1;
    if (verdict === 'block' || verdict === 'redirect') this.#onRefused(event, context);
    return askForMore(decision, result, event, message);
  }
}
