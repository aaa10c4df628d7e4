import type { Connection } from '../../contract/connection.ts';
import type { Peer } from '../../contract/peer.ts';
import { AgentwireError, toAgentwireError } from '../../errors.ts';
import { isLogged, type Logger } from '../../logger.ts';
import { checkOwnDecision } from '../../message/check-decision.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { UnreadAnswers } from './unread-answers.ts';

/** Dependencies of an {@link AnswerSender}. */
interface AnswerSenderDeps {
  readonly connection: Connection;
  readonly logger: Logger;
  readonly stats: { answers: number; failures: number };
  readonly unread: UnreadAnswers;
}

/** Sends an agent's answers on one connection; a decision that cannot be sent becomes a failure answer. */
export class AnswerSender {
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #stats: AnswerSenderDeps['stats'];
  readonly #unread: UnreadAnswers;

  constructor({ connection, logger, stats, unread }: AnswerSenderDeps) {
    this.#connection = connection;
    this.#logger = logger;
    this.#stats = stats;
    this.#unread = unread;
  }

  /** Sends the answer to an event. */
  send(id: RequestId, decision: Decision): void {
    if (this.#connection.status !== 'open') return;
    try {
      checkOwnDecision(decision);
      const sent = decision.cache === undefined ? decision : asCached(decision, this.#connection.peer);
      if (!this.#connection.send({ type: 'answer', id, decision: sent })) this.#unread.stall();
    } catch (error) {
      // the decision is impossible or too long: without an answer the proxy would wait for its timeout
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

  /** Counts an event that could not be decoded, and was logged; returns its answer. */
  undecodable(error: AgentwireError): Decision {
    this.#stats.failures += 1;
    return failureDecision(error, this.#connection.peer);
  }

  /** Counts and logs an event that could not be decided; returns its answer. */
  failure(error: unknown): Decision {
    this.#stats.failures += 1;
    const known = error instanceof AgentwireError;
    // an error of agentwire needs no stack to be found
    const why = known ? { code: error.code, why: error.message } : { err: error };
    if (!(error instanceof Error && isLogged(error)))
      this.#logger.error({ connection: this.#connection.id, ...why }, 'an event could not be decided');
    // the text of a handler's error may contain anything, a body too: it is not sent
    const shown = known ? error : new AgentwireError('ERR_HANDLER', "the agent's handler failed");
    return failureDecision(shown, this.#connection.peer);
  }
}

/** Copies without `cache`, by their frozen original: frozen decisions are encoded once. */
const uncached = new WeakMap<Decision, Decision>();

/** Returns a decision as the peer may get it: without `cache` where that was not negotiated. */
function asCached(decision: Decision, peer: Pick<Peer, 'features'>): Decision {
  if (peer.features.includes('cache')) return decision;
  if (!Object.isFrozen(decision)) return { ...decision, cache: undefined };
  const known = uncached.get(decision) ?? Object.freeze<Decision>({ ...decision, cache: undefined });
  uncached.set(decision, known);
  return known;
}

/**
 * Creates the answer for an event that could not be decided: an `error` if both sides know it, and a block with status 500
 * (503 when overloaded) that says so in its reason codes. Never an allow.
 */
function failureDecision(error: AgentwireError, peer: Pick<Peer, 'features'>): Decision {
  const status = error.code === 'ERR_OVERLOADED' || error.code === 'ERR_DRAINING' ? 503 : 500;
  const audit = { reasonCodes: [`agentwire:${error.code}`] };
  const decision: Decision = { verdict: { type: 'block', status }, audit };
  return peer.features.includes('errors')
    ? { ...decision, error: { code: error.code, message: error.message } }
    : decision;
}
