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

/** Whether capabilities have the documented shape, alone or merged with the other one. */
export function isDocumentedShape(capabilities: JsonObject): boolean {
  return 'handles_request_headers' in capabilities;
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

function otherEvents(from: JsonObject, features: readonly string[]): readonly EventType[] {
  const named = readEventNumbers(from);
  if (named !== undefined) return named.filter((event) => !FLAGS.some(([, known]) => known === event));
  return EVENT_OF_FEATURE.filter(([feature]) => features.includes(feature)).map(([, event]) => event);
}

/**
 * Reads capabilities of the documented shape. Absent flags are false; what the shape cannot say is taken from
 * `supported_events`, where it is there, and from `features`, the peer's `supported_features`.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for a field of the wrong kind.
 */
export function fromDocumentedCapabilities(from: JsonObject, features: readonly string[]): Capabilities {
  const flags = FLAGS.filter(([flag]) => readBoolean(WHAT, from, flag) ?? false).map(([, event]) => event);
  return {
    events: [...flags, ...otherEvents(from, features)],
    streaming: readBoolean(WHAT, from, 'supports_streaming') ?? false,
    cancellation: readBoolean(WHAT, from, 'supports_cancellation') ?? false,
    flowControl: features.includes('flow_control'),
    healthReporting: features.includes('health'),
    metricsExport: features.includes('metrics'),
    configPush: features.includes('config_push'),
    maxConcurrentRequests: readCount(WHAT, from, 'max_concurrent_requests'),
  };
}
