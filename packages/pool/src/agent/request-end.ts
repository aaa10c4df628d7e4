import { AgentwireError, type Decision } from '@agentwire/core';
import { EVENT_BIT } from './event-bits.ts';

/** Events after which more may come for the same request. */
const LATER =
  EVENT_BIT.responseHeaders | EVENT_BIT.responseBodyChunk | EVENT_BIT.requestComplete | EVENT_BIT.webSocketFrame;

/** What an agent may be told of a request after the answer to its head. */
export interface LaterEvents {
  readonly any: boolean;
  readonly complete: boolean;
}

/** What an agent that takes these events, as bits, is told later. */
export function laterEventsOf(takes: number): LaterEvents {
  return { any: (takes & LATER) !== 0, complete: (takes & EVENT_BIT.requestComplete) !== 0 };
}

/**
 * Whether no further event of a request can come after this outcome. A failed request is remembered while more may come,
 * so that its later events fail too and never reach a connection that has not seen its head.
 */
export function endsRequest(outcome: Decision | AgentwireError, later: LaterEvents): boolean {
  if (outcome instanceof AgentwireError) return !later.any;
  return outcome.verdict.type === 'allow' ? outcome.needsMore !== true && !later.any : !later.complete;
}
