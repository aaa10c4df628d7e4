import type { Connection } from '../contract/connection.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { checkSaidDecision } from '../message/check-decision.ts';
import type { Decision } from '../message/decision.ts';
import type { RequestId } from '../message/events.ts';
import { failureDecision } from './failure.ts';
import type { UnreadAnswers } from './unread-answers.ts';

/** What an {@link AnswerSender} counts. */
interface AnswerStats {
  answers: number;
  failures: number;
}

/** Sends an agent's answers on one connection; whatever went wrong becomes an answer that says so. */
export class AnswerSender {
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #stats: AnswerStats;
  readonly #unread: UnreadAnswers;

  constructor(connection: Connection, logger: Logger, stats: AnswerStats, unread: UnreadAnswers) {
    this.#connection = connection;
    this.#logger = logger;
    this.#stats = stats;
    this.#unread = unread;
  }

  send(id: RequestId, decision: Decision): void {
    if (this.#connection.status !== 'open') return;
    try {
      checkSaidDecision(decision);
      if (!this.#connection.send({ type: 'answer', id, decision })) this.#unread.stall();
    } catch (error) {
      // the decision cannot be or cannot be sent (a bad header, too long): the proxy must learn that, and never wait for nothing
      this.#sendFailure(id, error);
    }
    this.#stats.answers += 1;
  }

  #sendFailure(id: RequestId, error: unknown): void {
    try {
      if (!this.#connection.send({ type: 'answer', id, decision: this.failure(error) })) this.#unread.stall();
    } catch (second) {
      this.#connection.abort(toAgentwireError(second, 'ERR_CLOSED'));
    }
  }

  /** The answer for an event that could not be decoded, of which the log knows; counts it. */
  undecodable(error: AgentwireError): Decision {
    this.#stats.failures += 1;
    return failureDecision(error, this.#connection.peer);
  }

  /** The answer for an event that could not be decided; counts and logs it. */
  failure(error: unknown): Decision {
    this.#stats.failures += 1;
    const known = error instanceof AgentwireError;
    // what we said ourselves needs no stack to be found
    const why = known ? { code: error.code, why: error.message } : { err: error };
    this.#logger.error({ connection: this.#connection.id, ...why }, 'an event could not be decided');
    // what a handler throws may hold anything, a body too: only our own words go out
    return failureDecision(
      known ? error : new AgentwireError('ERR_HANDLER', "the agent's handler failed"),
      this.#connection.peer,
    );
  }
}
