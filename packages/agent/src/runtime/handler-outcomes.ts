import type { Clock, Decision, Logger } from '@agentwire/core';
import type { ConcurrencyLimiter } from '../run/concurrency-limiter.ts';
import type { HandlerRun } from '../run/handler-run.ts';
import { LatencyWindow } from '../run/handler-times.ts';
import type { EventContext } from './event-context.ts';
import { badBodyDecision, toHandlerError } from './handler-error.ts';

/** Makes the decision that is sent of the one that a handler gave. */
type Conclude = (given: Decision) => Decision | Promise<Decision>;

/** Follows handlers to their decisions or failures, and counts them. */
export class HandlerOutcomes {
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
  readonly #timeoutMs: number;

  constructor(limiter: ConcurrencyLimiter, clock: Clock, logger: Logger, timeoutMs: number) {
    this.#limiter = limiter;
    this.#clock = clock;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
  }

  /** Settles a run with what `conclude` makes of a result, and counts it. */
  follow(
    run: HandlerRun,
    context: EventContext,
    result: Promise<Decision>,
    conclude: Conclude = (decision) => decision,
  ): HandlerRun {
    if (!run.counted) this.#limiter.begin();
    run.counted = true;
    void result.then(
      (given) => this.#finish(run, context, given, conclude),
      (error: unknown) => this.#fail(run, context, toHandlerError(error)),
    );
    return run;
  }

  #finish(run: HandlerRun, context: EventContext, given: Decision, conclude: Conclude): void {
    let decision: Decision | Promise<Decision>;
    try {
      decision = conclude(given);
    } catch (error) {
      return this.#fail(run, context, error);
    }
    if (decision instanceof Promise) {
      this.follow(run, context, decision);
      return;
    }
    if (run.settled && decision.verdict.type !== 'allow')
      this.#logger.warn(
        { decision: decision.verdict.type },
        'a handler decided too late: its event was answered before, at the deadline or by skipRest()',
      );
    this.#uncount(run);
    run.settle(decision);
    run.returned();
  }

  #fail(run: HandlerRun, context: EventContext, error: unknown): void {
    this.#uncount(run);
    // a handler whose signal is aborted may throw because of that, which is no failure
    if (run.settled || context.agentRequest.cancelled) run.fail(error);
    else this.#settleFailed(run, error);
    run.returned();
  }

  #settleFailed(run: HandlerRun, error: unknown): void {
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
}
