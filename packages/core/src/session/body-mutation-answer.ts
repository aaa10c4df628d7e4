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

/** The fault of a decision on a chunk whose body mutation is for another chunk; such a one decides on nothing that was asked. */
export function mutationFault(question: WaitingQuestion, decision: Decision): AgentwireError | undefined {
  if (question.index === -1) return undefined;
  const mutation = question.type === 'requestBodyChunk' ? decision.requestBodyMutation : decision.responseBodyMutation;
  if (mutation === undefined || mutation.index === question.index) return undefined;
  return new AgentwireError(
    'ERR_PROTOCOL',
    `the agent was asked about chunk ${question.index} and gave a body mutation for chunk ${mutation.index}`,
  );
}
