import type { EventType } from '@agentwire/core';

/** A bit for each event, so that one operation says whether a connection takes it. */
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

/** The bodies of a request and of its response. */
export const BODY_BITS: number = EVENT_BIT.requestBodyChunk | EVENT_BIT.responseBodyChunk;

/** What the way of an HTTP request through a proxy has to offer. */
export const HTTP_BITS: number =
  BODY_BITS | EVENT_BIT.requestHeaders | EVENT_BIT.responseHeaders | EVENT_BIT.requestComplete;

/** The bits of these events. */
export function bitsOf(events: readonly EventType[]): number {
  let bits = 0;
  for (const event of events) bits |= EVENT_BIT[event];
  return bits;
}

/** The names of the events whose bits are set. */
export function namesOf(bits: number): string {
  return Object.entries(EVENT_BIT)
    .flatMap(([event, bit]) => ((bits & bit) === 0 ? [] : [event]))
    .join(', ');
}
