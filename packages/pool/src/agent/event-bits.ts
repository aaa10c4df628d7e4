import { AgentwireError, type Decision, type EventType } from '@agentwire/core';

/** One bit per event, so that one operation tells whether a connection takes it. */
export const EVENT_BIT: Readonly<Record<EventType, number>> = {
  requestHeaders: 1,
  requestBodyChunk: 2,
  responseHeaders: 4,
  responseBodyChunk: 8,
  requestComplete: 16,
  webSocketFrame: 32,
  guardrailInspect: 64,
  configure: 128,
};

/** Bits of the bodies of a request and of its response. */
export const BODY_BITS: number = EVENT_BIT.requestBodyChunk | EVENT_BIT.responseBodyChunk;

/** Bits of the events of an HTTP request. */
export const HTTP_BITS: number =
  BODY_BITS | EVENT_BIT.requestHeaders | EVENT_BIT.responseHeaders | EVENT_BIT.requestComplete;

/** Bits of the events after which more may come for the same request. */
const LATER_BITS =
  EVENT_BIT.responseHeaders | EVENT_BIT.responseBodyChunk | EVENT_BIT.requestComplete | EVENT_BIT.webSocketFrame;

/** Returns the bits of these events. */
export function bitsOf(events: readonly EventType[]): number {
  let bits = 0;
  for (const event of events) bits |= EVENT_BIT[event];
  return bits;
}

/** Returns the names of the events whose bits are set. */
export function namesOf(bits: number): string {
  return Object.entries(EVENT_BIT)
    .flatMap(([event, bit]) => ((bits & bit) === 0 ? [] : [event]))
    .join(', ');
}

/** Events that an agent may get for a request after the answer to its head. */
export interface LaterEvents {
  readonly any: boolean;
  readonly complete: boolean;
}

/** Returns the later events of an agent that takes these events, as bits. */
export function laterEventsOf(takes: number): LaterEvents {
  return { any: (takes & LATER_BITS) !== 0, complete: (takes & EVENT_BIT.requestComplete) !== 0 };
}

/**
 * Returns whether no further event of a request can come after this outcome. A failed request is remembered while more may
 * come, so that its later events fail too and never reach a connection that has not seen its head.
 */
export function endsRequest(outcome: Decision | AgentwireError, later: LaterEvents): boolean {
  if (outcome instanceof AgentwireError) return !later.any;
  return outcome.verdict.type === 'allow' ? outcome.needsMore !== true && !later.any : !later.complete;
}
