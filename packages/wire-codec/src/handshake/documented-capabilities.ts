import type { Capabilities, EventType } from '@agentwire/core';
import { readEventNumbers, writeEventNumbers } from './event-numbers.ts';
import { readBoolean, readCount, type JsonObject } from './read-fields.ts';

const WHAT = 'capabilities';

/** Event of each flag of the documented shape. */
const FLAGS: readonly [flag: string, event: EventType][] = [
  ['handles_request_headers', 'requestHeaders'],
  ['handles_request_body', 'requestBodyChunk'],
  ['handles_response_headers', 'responseHeaders'],
  ['handles_response_body', 'responseBodyChunk'],
];

/** Features that imply an event where no list of events is given. */
const EVENT_OF_FEATURE: readonly [feature: string, event: EventType][] = [
  ['request_complete', 'requestComplete'],
  ['websocket', 'webSocketFrame'],
  ['guardrails', 'guardrailInspect'],
];

const ONLY_DOCUMENTED: readonly string[] = [
  ...FLAGS.map(([flag]) => flag),
  'supports_streaming',
  'supports_cancellation',
  'max_concurrent_requests',
];

/** Tells whether capabilities have the documented shape, alone or merged with the other one. */
export function isDocumentedShape(capabilities: JsonObject): boolean {
  return ONLY_DOCUMENTED.some((key) => key in capabilities);
}

/** Capabilities in the documented shape, with `supported_events` on top: the flags know four events only. */
export function toDocumentedCapabilities(capabilities: Capabilities): JsonObject {
  const { events, streaming, cancellation, maxConcurrentRequests } = capabilities;
  return {
    ...Object.fromEntries(FLAGS.map(([flag, event]) => [flag, events.includes(event)])),
    supports_streaming: streaming,
    supports_cancellation: cancellation,
    max_concurrent_requests: maxConcurrentRequests ?? null,
    supported_events: writeEventNumbers(events),
  };
}

function eventsOf(from: JsonObject, features: readonly string[]): readonly EventType[] {
  const named = readEventNumbers(from);
  const hasFlags = FLAGS.some(([flag]) => (from[flag] ?? undefined) !== undefined);
  // features describe a peer's software; they name events only beside flags or a list of events
  if (!hasFlags && named === undefined) return [];
  const flagged = FLAGS.filter(
    ([flag, event]) => readBoolean(WHAT, from, flag) ?? (!hasFlags && named?.includes(event)),
  );
  const rest = named?.filter((event) => !FLAGS.some(([, known]) => known === event)) ?? [];
  const byFeature = named === undefined ? EVENT_OF_FEATURE.filter(([feature]) => features.includes(feature)) : [];
  return [...flagged.map(([, event]) => event), ...rest, ...byFeature.map(([, event]) => event)];
}

/**
 * Reads capabilities of the documented shape. Absent flags are false where another one is present. Fields that the
 * shape does not have come from `supported_events`, if present, and from `features`, the peer's `supported_features`.
 * `events` is empty where no field names any.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for a field of the wrong type.
 */
export function fromDocumentedCapabilities(from: JsonObject, features: readonly string[]): Capabilities {
  return {
    events: eventsOf(from, features),
    streaming: readBoolean(WHAT, from, 'supports_streaming') ?? false,
    cancellation: readBoolean(WHAT, from, 'supports_cancellation') ?? false,
    flowControl: features.includes('flow_control'),
    healthReporting: features.includes('health'),
    metricsExport: features.includes('metrics'),
    configPush: features.includes('config_push'),
    maxConcurrentRequests: unlessZero(readCount(WHAT, from, 'max_concurrent_requests')),
  };
}

/** Reads 0 as absent: some agents write it for "no limit", and one that accepts no request would not connect. */
function unlessZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}
