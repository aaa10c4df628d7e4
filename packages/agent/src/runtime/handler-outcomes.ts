import { AgentwireError, type Clock, type Decision, type Logger } from '@agentwire/core';
import { countRepeats, markLogged } from '@agentwire/core/internal';
import type { Agent } from '../define/define-agent.ts';
import type { ConcurrencyLimiter } from '../run/concurrency-limiter.ts';
import type { HandlerRun } from '../run/handler-run.ts';
import { LatencyWindow } from '../run/handler-times.ts';
import type { EventContext } from './event-context.ts';
import { badRequestDecision, type FailureObserver, toHandlerError } from './handler-error.ts';

/** Makes the decision that is sent of the one that a handler gave. */
type Conclude = (given: Decision) => Decision | Promise<Decision>;

/**
 * Fields of a log line about a request: its path as it was sent, which need not be one that handlers get, without the query, which may hold
 * secrets. An agent that saw no head knows only the id of the exchange on its connection.
 */
function requestFields(agent: string, subject: HandlerRun['subject']): Readonly<Record<string, unknown>> {
  if (subject === undefined) return { agent };
  const { request, requestId } = subject;
  if (request === undefined) return { agent, wireId: requestId };
  return { agent, method: request.method, path: request.uri.split('?', 1)[0], requestId };
}

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
  readonly #agent: string;
  readonly #limiter: ConcurrencyLimiter;
  readonly #clock: Clock;
  /** Logger of failures; counts repeats. */
  readonly #lines: Logger;
  readonly #timeoutMs: number;
  readonly #onFailure: FailureObserver | undefined;

  constructor(
    { name, limits }: Pick<Agent, 'name' | 'limits'>,
    limiter: ConcurrencyLimiter,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
    onFailure: FailureObserver | undefined,
  ) {
    this.#agent = name;
    this.#limiter = limiter;
    this.#clock = clock;
    this.#lines = countRepeats(logger, clock);
    this.#timeoutMs = limits.handlerTimeoutMs;
    this.#onFailure = onFailure;
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
    run.subject = context;
    void result.then(
      (given) => this.#finish(run, context, given, conclude),
      (error: unknown) => this.#fail(run, context, error),
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
      this.#lines.warn(
        { ...requestFields(this.#agent, run.subject), decision: decision.verdict.type },
        'a handler decided too late: its event was answered before, at the deadline',
      );
    this.#uncount(run);
    run.settle(decision);
    run.returned();
  }

  #fail(run: HandlerRun, context: EventContext, error: unknown): void {
    this.#uncount(run);
    // a handler whose signal is aborted may throw because of that, which is no failure
    if (run.skipped && !context.agentRequest.cancelled) {
      this.report(error, run.subject, false);
      this.counts.failures += 1;
    } else if (run.settled || context.agentRequest.cancelled) run.fail(error);
    else this.#settleFailed(run, error);
    run.returned();
  }

  #settleFailed(run: HandlerRun, thrown: unknown): void {
    const error = this.report(thrown, run.subject, run.state === 'waiting');
    try {
      run.settle(this.failed(error));
    } catch {
      run.fail(error);
    }
  }

  /**
   * Logs a failure of a handler with its request, unless it is one of the body that it reads.
   *
   * @param waits `false` if no event waits for the decision, so that the next one gets the failure
   * @returns the error as the proxy is to see it
   */
  report(thrown: unknown, subject: HandlerRun['subject'], waits = true): unknown {
    const error = toHandlerError(thrown);
    if (badRequestDecision(error) !== undefined) return error;
    this.#onFailure?.(thrown, subject?.requestId);
    const known =
      error instanceof Error ? error : new AgentwireError('ERR_HANDLER', `a handler threw a ${typeof error}`);
    const code = known instanceof AgentwireError ? known.code : undefined;
    this.#lines.error(
      { ...requestFields(this.#agent, subject), code, err: thrown instanceof Error ? thrown : known },
      waits ? 'a handler failed' : 'a handler failed while no event waited for it',
    );
    return markLogged(known);
  }

  /** Counts a failure. @returns the decision for a body that cannot be read as asked @throws any other error, for the session */
  failed(error: unknown): Decision {
    this.counts.failures += 1;
    const decision = badRequestDecision(error);
    if (decision !== undefined) return decision;
    throw error;
  }

  /** Warns of a decision that says how long it holds where no proxy caches it. */
  uncached(handler: string): void {
    this.#lines.warn(
      { agent: this.#agent, handler },
      'cacheFor() has no effect here: only decisions of onRequestHeaders are cached',
    );
  }

  /** Counts and logs a handler that was given up at its deadline. */
  expired(run: HandlerRun): void {
    this.counts.timeouts += 1;
    this.counts.failures += 1;
    this.#lines.error(
      { ...requestFields(this.#agent, run.subject), code: 'ERR_TIMEOUT' },
      'a handler did not decide in time',
    );
    this.#uncount(run);
  }

  #uncount(run: HandlerRun): void {
    if (!run.counted) return;
    run.counted = false;
    this.#limiter.end();
    if (run.deadlineAt > 0) this.latencies.add(this.#clock.now() - run.deadlineAt + this.#timeoutMs);
  }
}
