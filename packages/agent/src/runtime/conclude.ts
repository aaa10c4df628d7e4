import { AgentwireError, type Decision, type ProxyEvent } from '@agentwire/core';
import { AgentDecision } from '../decision/agent-decision.ts';

/** Says what a handler gave instead of a decision, without showing it. */
function notADecision(handler: string, value: unknown): AgentwireError {
  const got = value === null ? 'null' : typeof value;
  return new AgentwireError(
    'ERR_HANDLER',
    `${handler} gave ${got} instead of a decision; end it with allow(), block()…`,
  );
}

/** Checks what a handler gave. @throws AgentwireError `ERR_HANDLER` */
export function checkDecision(handler: string, value: Decision): Decision {
  if (typeof value === 'object' && value !== null && typeof value.verdict === 'object') return value;
  throw notADecision(handler, value);
}

/** Puts what `pass()`, `drop()` or `replace()` said where the event wants it. */
export function placeMutation(decision: Decision, event: ProxyEvent): Decision {
  const data = AgentDecision.mutationOf(decision);
  if (data === undefined) return decision;
  if (event.type === 'webSocketFrame') return placeInFrame(decision, data);
  if (event.type !== 'requestBodyChunk' && event.type !== 'responseBodyChunk') {
    throw new AgentwireError('ERR_HANDLER', `pass(), drop() and replace() answer chunks and frames, not ${event.type}`);
  }
  const mutation = { index: event.index, data };
  const placed = { ...decision, needsMore: decision.needsMore ?? !event.last };
  return event.type === 'requestBodyChunk'
    ? { ...placed, requestBodyMutation: mutation }
    : { ...placed, responseBodyMutation: mutation };
}

function placeInFrame(decision: Decision, data: Uint8Array | null): Decision {
  if (data === null) return { ...decision };
  if (data.byteLength > 0) throw new AgentwireError('ERR_HANDLER', 'a WebSocket frame can be dropped, not replaced');
  return { ...decision, webSocket: { type: 'drop' } };
}

/** Gives the bytes of a response chunk back in its answer, for proxies that lose what is not in there. */
export function withUnchangedData(
  decision: Decision,
  event: Extract<ProxyEvent, { type: 'responseBodyChunk' }>,
): Decision {
  const data = decision.responseBodyMutation?.data;
  if (decision.verdict.type !== 'allow' || (data !== undefined && data !== null)) return decision;
  return { ...decision, responseBodyMutation: { index: event.index, data: event.data } };
}

/** The answer where a body was too long, or cut short, for a handler that wanted the whole of it. */
export const BODY_TOO_LARGE: Decision = Object.freeze<Decision>({
  verdict: Object.freeze({ type: 'block', status: 413 } as const),
  audit: Object.freeze({ reasonCodes: Object.freeze(['agentwire:ERR_BODY_TOO_LARGE']) }),
});
