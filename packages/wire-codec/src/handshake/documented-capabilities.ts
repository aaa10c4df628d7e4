import type { Capabilities, EventType } from '@agentwire/core';
import { readEventNumbers, writeEventNumbers } from './event-numbers.ts';
import { readBoolean, readCount, type JsonObject } from './read-fields.ts';

const WHAT = 'capabilities';

/** Which events each flag of the documented shape stands for. */
const FLAGS: readonly [flag: string, event: EventType][] = [
  ['handles_request_headers', 'requestHeaders'],
  ['handles_request_body', 'requestBodyChunk'],
  ['handles_response_headers', 'responseHeaders'],
  ['handles_response_body', 'responseBodyChunk'],
];

/** Features that stand in for events where nothing else names them. */
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

/** Whether capabilities have the documented shape, alone or merged with the other one. */
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
  // a list of features says what a peer's software can do, and names its events only beside something that does
  if (!hasFlags && named === undefined) return [];
  const flagged = FLAGS.filter(
    ([flag, event]) => readBoolean(WHAT, from, flag) ?? (!hasFlags && named?.includes(event)),
  );
  const rest = named?.filter((event) => !FLAGS.some(([, known]) => known === event)) ?? [];
  const byFeature = named === undefined ? EVENT_OF_FEATURE.filter(([feature]) => features.includes(feature)) : [];
  return [...flagged.map(([, event]) => event), ...rest, ...byFeature.map(([, event]) => event)];
}

/**
 * Reads capabilities of the documented shape. Absent flags are false where another one is there; what the shape cannot
 * say is taken from `supported_events`, where it is there, and from `features`, the peer's `supported_features`. `events`
 * is empty where nothing names any.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for a field of the wrong kind.
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

/** An agent that takes no request at all would not say hello: 0 is how some say nothing. */
function unlessZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}
