import { AgentwireError, type Capabilities, type Decision, type EventType } from '@agentwire/core';

/** Events after which more may come for the same request. */
const LATER: readonly EventType[] = ['responseHeaders', 'responseBodyChunk', 'requestComplete', 'webSocketFrame'];

/** What an agent may be told of a request after the answer to its head. */
export interface LaterEvents {
  readonly any: boolean;
  readonly complete: boolean;
}

/** What an agent with these capabilities is told later; nothing of one that was never connected. */
export function laterEventsOf(capabilities: Capabilities | undefined): LaterEvents {
  const events = capabilities?.events ?? [];
  return { any: LATER.some((type) => events.includes(type)), complete: events.includes('requestComplete') };
}

/**
 * Whether no further event of a request can come after this outcome. A failed request is remembered while more may come,
 * so that its later events fail too and never reach a connection that has not seen its head.
 */
export function endsRequest(outcome: Decision | AgentwireError, later: LaterEvents): boolean {
  if (outcome instanceof AgentwireError) return !later.any;
  return outcome.verdict.type === 'allow' ? outcome.needsMore !== true && !later.any : !later.complete;
}
