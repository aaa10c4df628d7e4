import { AgentwireError, type Clock, type Decision, type Logger, type ProxyEvent } from '@agentwire/core';
import type { Message } from '../body/message.ts';
import type { Reply, Turns } from '../body/turns.ts';
import type { AgentHandlers, MaybePromise } from '../handler/agent-handlers.ts';
import type { Admission } from './admission.ts';
import { askForMore, BAD_BODIES, checkDecision, placeMutation } from './conclude.ts';
import type { EventContext } from './event-context.ts';
import { handlerError } from './handler-error.ts';
import { Latencies } from './latencies.ts';
import { type ChallengeFallback, QuirkAdapter } from './quirks.ts';

/** What outcomes need besides their agent. */
export interface OutcomeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly challengeFallback: ChallengeFallback;
}

type OnRefused = (event: ProxyEvent, context: EventContext) => void;

/** Makes replies of what handlers give, now or later, and counts them. */
export class Outcomes {
  readonly latencies: Latencies = new Latencies();
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
  readonly #admission: Admission;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #quirks: QuirkAdapter;
  readonly #timeoutMs: number;
  readonly #onRefused: OnRefused;

  /** @param onRefused told of each event whose request goes no further */
  constructor(admission: Admission, options: OutcomeOptions, timeoutMs: number, onRefused: OnRefused) {
    this.#onRefused = onRefused;
    this.#admission = admission;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#quirks = new QuirkAdapter(options.logger, options.challengeFallback);
    this.#timeoutMs = timeoutMs;
  }

  /** Throws `ERR_OVERLOADED` where one more request would be one too many. */
  admit(): void {
    try {
      this.#admission.check();
    } catch (error) {
      this.counts.overloaded += 1;
      throw error;
    }
  }

  /**
   * Calls a handler, and makes the reply of what it gives; one that is there at once is not made to wait.
   *
   * @param message whose chunks another handler decides on, where `event` is its head
   * @throws what the handler throws, as the proxy is told of it
   */
  call<Subject>(
    handler: (subject: Subject, context: EventContext) => MaybePromise<Decision>,
    subject: Subject,
    context: EventContext,
    event: ProxyEvent,
    name: keyof AgentHandlers,
    message?: Message,
  ): Decision | Promise<Reply> {
    let outcome: MaybePromise<Decision>;
    try {
      outcome = handler(subject, context);
    } catch (error) {
      context.begun?.returned();
      throw handlerError(error);
    }
    if (outcome instanceof Promise) return this.#follow(outcome, context, event, name, message);
    context.begun?.returned();
    const decision = this.#conclude(outcome, context, event, name, message);
    context.decided = true;
    context.begun?.settle(decision, true);
    return decision;
  }

  #follow(
    outcome: Promise<Decision>,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision | Promise<Reply> {
    const { turns } = context;
    turns.counted = true;
    this.#admission.begin();
    void outcome.then(
      (given) => {
        this.#finish(turns, context, () => this.#conclude(given, context, event, handler, message));
        turns.returned();
      },
      (error: unknown) => {
        this.#fail(turns, context, handlerError(error));
        turns.returned();
      },
    );
    return turns.head();
  }

  #finish(turns: Turns, context: EventContext, conclude: () => Decision): void {
    let decision: Decision;
    try {
      decision = conclude();
    } catch (error) {
      return this.#fail(turns, context, error);
    }
    this.#uncount(turns);
    turns.settle(decision);
  }

  #fail(turns: Turns, context: EventContext, error: unknown): void {
    this.#uncount(turns);
    // whoever was told to stop may say so by throwing, and that is no failure
    if (turns.settled || context.agentRequest.cancelled) return turns.fail(error);
    const { waits } = turns;
    try {
      turns.settle(this.failed(error));
    } catch {
      turns.fail(error);
    }
    if (!waits) this.#logger.warn({ err: error }, 'a handler failed while no event waited for it');
  }

  /** Counts a failure. @returns the decision for a body that cannot be read as asked @throws any other error, for the session */
  failed(error: unknown): Decision {
    this.counts.failures += 1;
    const decision = error instanceof AgentwireError ? BAD_BODIES[error.code] : undefined;
    if (decision !== undefined) return decision;
    throw error;
  }

  /** A handler was not waited for any longer. */
  expired(turns: Turns): void {
    this.counts.timeouts += 1;
    this.counts.failures += 1;
    this.#uncount(turns);
  }

  #uncount(turns: Turns): void {
    if (!turns.counted) return;
    turns.counted = false;
    this.#admission.end();
    if (turns.deadlineAt > 0) this.latencies.add(this.#clock.now() - turns.deadlineAt + this.#timeoutMs);
  }

  #conclude(
    outcome: Decision,
    context: EventContext,
    event: ProxyEvent,
    handler: string,
    message: Message | undefined,
  ): Decision {
    let decision = placeMutation(checkDecision(handler, outcome), event);
    const { peer } = context;
    if (peer.quirks.length > 0 || decision.verdict.type === 'challenge') {
      decision = this.#quirks.adapt(decision, event, peer);
    }
    const verdict = decision.verdict.type;
    this.counts[verdict] += 1;
    if (verdict === 'block' || verdict === 'redirect') this.#onRefused(event, context);
    return askForMore(decision, outcome, event, message);
  }
}
