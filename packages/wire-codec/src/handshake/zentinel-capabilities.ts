import type { Capabilities, EventType, Hello } from '@agentwire/core';
import { agentIdOf } from '@agentwire/core/internal';
import { readEventNumbers, writeEventNumbers } from './event-numbers.ts';
import { readBoolean, readCount, readObject, readText, type JsonObject } from './read-fields.ts';

const WHAT = 'capabilities';
const U32_MAX = 4_294_967_295;
/** Chunk size written for "no preference": a reader may split bodies by it, so it must not be 0. */
const PREFERRED_CHUNK_BYTES = 65_536;

/** Identity of an agent, which capabilities of the zentinel shape carry. */
export interface ZentinelIdentity {
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** Capabilities in the zentinel shape, with every field, since its reader requires all. */
export function toZentinelCapabilities(self: Hello, capabilities: Capabilities): JsonObject {
  const { events, maxConcurrentRequests, maxBodyBytes, preferredChunkBytes } = capabilities;
  return {
    agent_id: agentIdOf({ name: self.name, capabilities }),
    name: self.name,
    version: self.version,
    supported_events: writeEventNumbers(events),
    features: {
      streaming_body: capabilities.streaming,
      websocket: events.includes('webSocketFrame'),
      guardrails: events.includes('guardrailInspect'),
      config_push: capabilities.configPush,
      metrics_export: capabilities.metricsExport,
      concurrent_requests: maxConcurrentRequests ?? U32_MAX,
      cancellation: capabilities.cancellation,
      flow_control: capabilities.flowControl,
      health_reporting: capabilities.healthReporting,
    },
    limits: {
      max_body_size: maxBodyBytes ?? Number.MAX_SAFE_INTEGER,
      max_concurrency: maxConcurrentRequests ?? U32_MAX,
      preferred_chunk_size: preferredChunkBytes ?? PREFERRED_CHUNK_BYTES,
    },
  };
}

/** A count; 0 and `unlimited` mean absent. */
function readLimit(from: JsonObject, key: string, unlimited: number): number | undefined {
  const value = readCount(WHAT, from, key);
  return value === undefined || value === 0 || value >= unlimited ? undefined : value;
}

function readEvents(from: JsonObject, features: JsonObject): readonly EventType[] {
  const events = new Set(readEventNumbers(from));
  if (readBoolean(WHAT, features, 'websocket') === true) events.add('webSocketFrame');
  if (readBoolean(WHAT, features, 'guardrails') === true) events.add('guardrailInspect');
  return [...events];
}

/** Reads name and version out of capabilities of the zentinel shape. */
export function readZentinelIdentity(from: JsonObject): ZentinelIdentity {
  return { name: readText(WHAT, from, 'name') || undefined, version: readText(WHAT, from, 'version') };
}

/**
 * Reads capabilities of the zentinel shape. Absent flags are false; numbers of events that are not known are skipped.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for a field of the wrong type.
 */
export function fromZentinelCapabilities(from: JsonObject): Capabilities {
  const features = readObject(WHAT, from, 'features') ?? {};
  const limits = readObject(WHAT, from, 'limits') ?? {};
  const has = (feature: string): boolean => readBoolean(WHAT, features, feature) ?? false;
  return {
    agentId: readText(WHAT, from, 'agent_id') || undefined,
    events: readEvents(from, features),
    streaming: has('streaming_body'),
    cancellation: has('cancellation'),
    flowControl: has('flow_control'),
    healthReporting: has('health_reporting'),
    metricsExport: has('metrics_export'),
    configPush: has('config_push'),
    maxConcurrentRequests:
      readLimit(features, 'concurrent_requests', U32_MAX) ?? readLimit(limits, 'max_concurrency', U32_MAX),
    maxBodyBytes: readLimit(limits, 'max_body_size', Number.MAX_SAFE_INTEGER),
    preferredChunkBytes: readLimit(limits, 'preferred_chunk_size', Number.MAX_SAFE_INTEGER),
  };
}
