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
