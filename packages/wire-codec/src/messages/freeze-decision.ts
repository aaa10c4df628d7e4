import type { Decision } from '@agentwire/core';

/** No message nests deeper; a value that contains itself ends here too. */
const MAX_DEPTH = 64;

function freeze(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || depth > MAX_DEPTH) return;
  Object.freeze(value);
  for (const one of Object.values(value)) freeze(one, depth + 1);
}

/**
 * Freezes a decision and everything in it, so that transports encode it once and keep its bytes. Returns it.
 *
 * Bytes of body mutations cannot be frozen; a decision that holds some is encoded anew for every answer.
 */
export function freezeDecision<T extends Decision>(decision: T): T {
  freeze(decision, 0);
  return decision;
}
