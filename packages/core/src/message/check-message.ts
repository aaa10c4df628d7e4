import { AgentwireError } from '../errors.ts';
import { checkReceivedDecision } from './check-decision.ts';
import { faultOfHead } from './check-head.ts';
import { checkOneValueAName } from './check-verdict.ts';
import type { Message, Received } from './message.ts';

/**
 * Checks a message before a transport takes it, where the transport has no codec of ours that does.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a block that has a header name twice, which not every encoding can say
 */
export function checkSendable(message: Message): void {
  if (message.type !== 'answer') return;
  const { verdict } = message.decision;
  if (verdict?.type === 'block' && Array.isArray(verdict.headers)) checkOneValueAName(verdict.headers);
}

/**
 * Gives what a transport delivers for a message that came as an object: the message itself, or in its place a malformed one
 * where its decision or its head is one that HTTP or the protocol does not allow, so that its request fails and no other.
 */
export function asReceived(message: Message): Received {
  if (message.type === 'answer') {
    const { id } = message;
    try {
      return { type: 'answer', id, decision: checkReceivedDecision(message.decision) };
    } catch (error) {
      if (!(error instanceof AgentwireError)) throw error;
      return { type: 'malformed', of: 'answer', id, error };
    }
  }
  if (message.type !== 'requestHeaders' && message.type !== 'responseHeaders') return message;
  const error = faultOfHead(message);
  return error === undefined ? message : { type: 'malformed', of: message.type, id: message.id, error };
}
