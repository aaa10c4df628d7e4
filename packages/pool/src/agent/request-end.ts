import { AgentwireError, type Capabilities, type Decision, type EventType } from '@agentwire/core';

/** Events after which more may come for the same request. */
const LATER: readonly EventType[] = ['responseHeaders', 'responseBodyChunk', 'requestComplete', 'webSocketFrame'];

/**
 * Whether no further event of a request can come after this outcome. A failed request is remembered while more may come,
 * so that its later events fail too and never reach a connection that has not seen its head.
 */
export function endsRequest(outcome: Decision | AgentwireError, capabilities: Capabilities | undefined): boolean {
  if (outcome instanceof AgentwireError) return !hasLaterEvents(capabilities);
  if (outcome.verdict.type !== 'allow') return capabilities?.events.includes('requestComplete') !== true;
  return outcome.needsMore !== true && !hasLaterEvents(capabilities);
}

function hasLaterEvents(capabilities: Capabilities | undefined): boolean {
  return LATER.some((type) => capabilities?.events.includes(type) === true);
}
