import { hash } from 'node:crypto';
import type { KernelMessage } from '@agentwire/a2a-router';

/**
 * Makes the key under which one inbox takes a message once, whatever its length or spelling.
 *
 * It is a hash over the inbox, the sender, and the sender's idempotency key or else the id of the message.
 */
export function messageKey(node: string, inbox: string, source: string, message: KernelMessage): string {
  const { from, id, idempotencyKey } = message;
  const own = idempotencyKey === undefined ? ['id', id] : ['key', idempotencyKey];
  return hash('sha256', JSON.stringify([node, inbox, source, from, ...own]), 'base64url');
}
