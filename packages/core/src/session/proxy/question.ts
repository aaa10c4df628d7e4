import { AgentwireError } from '../../errors.ts';
import type { Decision } from '../../message/decision.ts';
import { checkNumber } from '../../options.ts';
import type { EventBody } from './exchange.ts';

/** Limit of unanswered questions of one exchange; an agentwire agent ends the connection when more of one request wait there. */
const MAX_PENDING = 1024;
const MAX_TIMEOUT_MS = 86_400_000;

/** One event of an exchange, from `ask` to its outcome; a link in the exchange's list. */
export interface Question {
  readonly startedAt: number;
  /** Time for its answer, in milliseconds; its deadline would be one more object for each question. */
  readonly timeoutMs: number;
  readonly type: EventBody['type'];
  /** Index of a body chunk, else −1. */
  readonly index: number;
  readonly last: boolean;
  /** True if the exchange ends with the answer. */
  readonly endAfter: boolean;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: AgentwireError) => void;
  /** The event, until it is sent. */
  unsent: EventBody | undefined;
  /** Removes the listener on the caller's signal. */
  detach: (() => void) | undefined;
  next: Question | undefined;
}

/** Returns the time until which a question may be answered. */
export function deadlineOf({ startedAt, timeoutMs }: Question): number {
  return startedAt + timeoutMs;
}

/** Returns the error of a question that cannot be asked: too many are pending, or the timeout is out of range. */
export function refusalOf(pending: number, timeoutMs: number | undefined): unknown {
  if (pending >= MAX_PENDING)
    return new AgentwireError('ERR_OVERLOADED', `${MAX_PENDING} events of one request are unanswered; wait for some`);
  if (timeoutMs === undefined) return undefined;
  try {
    checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMEOUT_MS);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Creates the error of an exchange that its caller's signal has aborted. */
export function abortedBy(signal: AbortSignal): AgentwireError {
  return new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason });
}

/** Creates a question that has not been sent yet. */
export function createQuestion(
  event: EventBody,
  endAfter: boolean,
  startedAt: number,
  timeoutMs: number,
  resolve: (decision: Decision) => void,
  reject: (error: AgentwireError) => void,
): Question {
  const chunk = event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event : undefined;
  return {
    startedAt,
    timeoutMs,
    type: event.type,
    index: chunk === undefined ? -1 : chunk.index,
    last: chunk?.last === true,
    endAfter,
    resolve,
    reject,
    unsent: event,
    detach: undefined,
    next: undefined,
  };
}

/** Returns the question that an older agent's `bodyMutation` answers: the oldest sent chunk of that index. */
export function questionOfMutation(oldest: Question | undefined, index: number): Question | undefined {
  let question = oldest;
  while (question !== undefined && (question.index !== index || question.unsent !== undefined))
    question = question.next;
  return question;
}

/** Converts an older agent's `bodyMutation` to a decision. */
export function decisionOfMutation(question: Question, data: Uint8Array | null): Decision {
  const key = question.type === 'requestBodyChunk' ? 'requestBodyMutation' : 'responseBodyMutation';
  return { verdict: { type: 'allow' }, needsMore: !question.last, [key]: { index: question.index, data } };
}

/** Returns the error of a decision whose body mutation is for another chunk than the question's: it decides on nothing asked. */
export function mutationFault(question: Question, decision: Decision): AgentwireError | undefined {
  const { requestBodyMutation, responseBodyMutation } = decision;
  const { type, index } = question;
  const wrong = [
    type !== 'requestBodyChunk' || requestBodyMutation?.index !== index ? requestBodyMutation : undefined,
    type !== 'responseBodyChunk' || responseBodyMutation?.index !== index ? responseBodyMutation : undefined,
  ].find((mutation) => mutation !== undefined);
  if (wrong === undefined) return undefined;
  const direction = wrong === requestBodyMutation ? 'request' : 'response';
  const asked = index === -1 ? type : `${type} ${index}`;
  return new AgentwireError(
    'ERR_PROTOCOL',
    `the agent was asked about ${asked} and gave a mutation of ${direction} body chunk ${wrong.index}`,
  );
}
