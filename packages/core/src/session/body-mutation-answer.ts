import { AgentwireError } from '../errors.ts';
import type { Decision } from '../message/decision.ts';
import type { WaitingQuestion } from './waiting-question.ts';

/** The question that an older agent's body mutation answers: the oldest sent chunk of that index, from `oldest` on. */
export function questionOfMutation(oldest: WaitingQuestion | undefined, index: number): WaitingQuestion | undefined {
  let waiter = oldest;
  while (waiter !== undefined && (waiter.index !== index || waiter.unsent !== undefined)) waiter = waiter.next;
  return waiter;
}

/** The decision that an older agent's body mutation stands for. */
export function decisionOfMutation(question: WaitingQuestion, data: Uint8Array | null): Decision {
  const key = question.type === 'requestBodyChunk' ? 'requestBodyMutation' : 'responseBodyMutation';
  return { verdict: { type: 'allow' }, needsMore: !question.last, [key]: { index: question.index, data } };
}

/** Returns the fault of a decision whose body mutation is not for the chunk that was asked about: it decides nothing that was asked. */
export function mutationFault(question: WaitingQuestion, decision: Decision): AgentwireError | undefined {
  const { requestBodyMutation, responseBodyMutation } = decision;
  if (requestBodyMutation === undefined && responseBodyMutation === undefined) return undefined;
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
