import { AgentwireError } from '../errors.ts';
import { checkReceivedDecision } from './check-decision.ts';
import { faultOfHead } from './check-head.ts';
import { checkOneValueAName } from './check-verdict.ts';
import type { Message, Received } from './message.ts';

/**
 * Checks a message before it is sent by a transport without agentwire's codec, which checks it otherwise.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a block that has a header name twice, which not every encoding can carry
 */
export function checkSendable(message: Message): void {
  if (message.type !== 'answer') return;
  const { verdict } = message.decision;
  if (verdict?.type === 'block' && Array.isArray(verdict.headers)) checkOneValueAName(verdict.headers);
}

/**
 * Returns the message to deliver for one that was received as an object: the message itself, or a malformed one in its place if
 * HTTP or the protocol does not allow its decision or its head, so that its request fails and no other.
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
