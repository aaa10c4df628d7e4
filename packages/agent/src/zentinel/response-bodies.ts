import type { Decision, HeaderOp, Peer, ResponseBodyChunk } from '@agentwire/core';

const SPACE = Uint8Array.of(0x20);

/** Returns whether the peer takes an answer without bytes to a response chunk for an empty body. */
export function losesResponseBodies(peer: Peer): boolean {
  return peer.quirks.includes('response_body_mutation_required');
}

/** Returns whether a chunk may be freed before its answer is sent, which has its bytes where the peer loses them. */
export function mayFree(peer: Peer, isRequest: boolean): boolean {
  return isRequest || !losesResponseBodies(peer);
}

/**
 * Returns the bytes of a response chunk in its answer, for proxies that lose them otherwise. Such a proxy takes an empty
 * replacement for none, so a dropped chunk is replaced by a space.
 */
export function withUnchangedData(decision: Decision, event: ResponseBodyChunk): Decision {
  if (decision.verdict.type !== 'allow') return decision;
  const data = decision.responseBodyMutation?.data ?? undefined;
  if (data !== undefined && (data.byteLength > 0 || event.data.byteLength === 0)) return decision;
  return { ...decision, responseBodyMutation: { index: event.index, data: data === undefined ? event.data : SPACE } };
}

/** Removes the length of a response whose chunks may be replaced, for proxies that would cut the body there. */
export function withoutLength(decision: Decision): Decision {
  if (decision.needsMore !== true) return decision;
  return { ...decision, responseHeaders: [...(decision.responseHeaders ?? []), NO_LENGTH] };
}

const NO_LENGTH: HeaderOp = Object.freeze<HeaderOp>({ op: 'remove', name: 'content-length' });
