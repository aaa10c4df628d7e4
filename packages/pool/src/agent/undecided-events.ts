import { ALLOW, AgentwireError, type Clock, type Decision, type EventType, type ProxyEvent } from '@agentwire/core';
import { checkEventType, checkHeaderLines, checkRequestLine, completeEvent } from '@agentwire/core/internal';
import type { FailureDecider } from '../failure-policy.ts';
import { EVENT_BIT, HTTP_BITS, namesOf, type PoolAskOptions, type Question } from '../question.ts';

/** Passes a head that the agent does not take, and asks for its body. */
const CONTINUE: Decision = Object.freeze({ ...ALLOW, needsMore: true });

/** The body after each head. */
const BODY_OF: Partial<Record<EventType, number>> = {
  requestHeaders: EVENT_BIT.requestBodyChunk,
  responseHeaders: EVENT_BIT.responseBodyChunk,
};

/** Decisions on events that one agent does not decide: it does not take them, or failed. */
export class UndecidedEvents {
  readonly #agent: string;
  readonly #clock: Clock;
  readonly #failures: FailureDecider;

  constructor(agent: string, clock: Clock, failures: FailureDecider) {
    this.#agent = agent;
    this.#clock = clock;
    this.#failures = failures;
  }

  /** Decides on an event that the agent does not take: allow, and ask for the body where the agent takes that. @param takes events that it takes, as bits */
  passOver(question: Question, options: PoolAskOptions | undefined, takes: number): Decision {
    const { type } = question;
    // an unknown type is an error, not an event that the agent does not take
    checkEventType(type);
    if ((takes & HTTP_BITS) !== 0) return (takes & (BODY_OF[type] ?? 0)) === 0 ? ALLOW : CONTINUE;
    const error = new AgentwireError(
      'ERR_UNSUPPORTED',
      `${this.#agent} takes no event of an HTTP request, only ${namesOf(takes)}: it cannot stand in a pipeline`,
    );
    return this.decide(question, error, options);
  }

  /**
   * Decides by the failure policy, but not on an event that could not be sent: that is an error of the caller, whether or not the
   * agent is there. Checked here only, because a session checks each event that it sends.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_HEADER`; `error` itself where it is the caller's own
   */
  decide(question: Question, error: AgentwireError, options: PoolAskOptions | undefined): Decision {
    completeEvent(question as ProxyEvent, this.#clock);
    if (question.type === 'requestHeaders') checkRequestLine(question);
    if (question.type === 'requestHeaders' || question.type === 'responseHeaders')
      checkHeaderLines(question.headers, 'headers');
    return this.#failures.decide(question.type, error, options?.onFailure, question.id);
  }
}
