import type { Decision, ProxyEvent } from '@agentwire/core';
import type { Message } from '../body/message.ts';
import { AgentDecision } from './agent-decision.ts';

/**
 * Asks for more of a body unless the handler decided otherwise: after a chunk that is not the last, and after a head whose
 * body a handler of chunks waits for.
 *
 * @param decision decision as it would be sent so far
 * @param given result of the handler
 * @param message message whose chunks a handler decides on, where `event` is its head
 */
export function askForMore(
  decision: Decision,
  given: Decision,
  event: ProxyEvent,
  message: Message | undefined,
): Decision {
  if (decision.needsMore !== undefined || decision.verdict.type !== 'allow') return decision;
  if (event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk') {
    if (!event.last && !AgentDecision.isDone(given)) return withMore(decision);
    return AgentDecision.mutationOf(given) === undefined ? decision : { ...decision, needsMore: false };
  }
  if (message === undefined || AgentDecision.isDone(given)) return decision;
  // a handler that has read the body itself has decided on it
  return message.reader?.used === true || !message.hasBody ? decision : withMore(decision);
}

/** Copies that ask for more, by their frozen original: frozen decisions are encoded once (`pnpm bench`, 2–4 ×). */
const copies = new WeakMap<Decision, Decision>();

function withMore(decision: Decision): Decision {
  if (!Object.isFrozen(decision)) return { ...decision, needsMore: true };
  const known = copies.get(decision);
  if (known !== undefined) return known;
  const made = Object.freeze<Decision>({ ...decision, needsMore: true });
  copies.set(decision, made);
  return made;
}
