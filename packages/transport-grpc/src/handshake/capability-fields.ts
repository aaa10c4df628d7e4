import type { MessageInitShape } from '@bufbuild/protobuf';
import { DEFAULT_CAPABILITIES, EVENT_TYPES, type Capabilities, type EventType, type Hello } from '@agentwire/core';
import { agentIdOf, capabilitiesOf } from '@agentwire/core/internal';
import { present } from '../codec/reference/present.ts';
import type { AgentCapabilities, AgentCapabilitiesSchema } from '../gen/zentinel/agent/v2/agent_pb.ts';

/** Values for an agent without a limit; the fields are not optional. */
const NO_LIMIT = { maxBodySize: 10n * 1024n * 1024n, maxConcurrency: 100, preferredChunkSize: 64n * 1024n };

/** Capabilities of an agent as protobuf-es takes them. */
export function toCapabilities(self: Hello): MessageInitShape<typeof AgentCapabilitiesSchema> {
  const capabilities = self.capabilities ?? DEFAULT_CAPABILITIES;
  const { events, maxConcurrentRequests, maxBodyBytes, preferredChunkBytes } = capabilities;
  return {
    protocolVersion: 2,
    agentId: agentIdOf({ name: self.name, capabilities }),
    name: self.name,
    version: self.version,
    supportedEvents: events.map((event) => EVENT_TYPES.indexOf(event) + 1),
    features: {
      streamingBody: capabilities.streaming,
      websocket: events.includes('webSocketFrame'),
      guardrails: events.includes('guardrailInspect'),
      configPush: capabilities.configPush,
      metricsExport: capabilities.metricsExport,
      concurrentRequests: maxConcurrentRequests ?? 0,
      cancellation: capabilities.cancellation,
      flowControl: capabilities.flowControl,
      healthReporting: capabilities.healthReporting,
    },
    limits: {
      maxBodySize: maxBodyBytes === undefined ? NO_LIMIT.maxBodySize : BigInt(maxBodyBytes),
      maxConcurrency: maxConcurrentRequests ?? NO_LIMIT.maxConcurrency,
      preferredChunkSize: preferredChunkBytes === undefined ? NO_LIMIT.preferredChunkSize : BigInt(preferredChunkBytes),
    },
  };
}

const unlessZero = (value: bigint | number | undefined): number | undefined => {
  const number = Number(value ?? 0);
  return number === 0 || number > Number.MAX_SAFE_INTEGER ? undefined : number;
};

/** Reads the capabilities of an agent; absent ones are those of {@link DEFAULT_CAPABILITIES}, and every event if it names none. */
export function fromCapabilities(fields: AgentCapabilities | undefined): Capabilities {
  if (fields === undefined) return DEFAULT_CAPABILITIES;
  const { features, limits } = fields;
  const events = fields.supportedEvents
    .map((number) => EVENT_TYPES[number - 1])
    .filter((event): event is EventType => event !== undefined);
  const stated: Capabilities = present({
    agentId: fields.agentId === '' ? undefined : fields.agentId,
    events,
    streaming: features?.streamingBody ?? false,
    cancellation: features?.cancellation ?? false,
    flowControl: features?.flowControl ?? false,
    healthReporting: features?.healthReporting ?? false,
    metricsExport: features?.metricsExport ?? false,
    configPush: features?.configPush ?? false,
    maxConcurrentRequests: unlessZero(features?.concurrentRequests),
    maxBodyBytes: unlessZero(limits?.maxBodySize),
    preferredChunkBytes: unlessZero(limits?.preferredChunkSize),
  });
  return capabilitiesOf(stated);
}

/** Features of the protocol that the capabilities of a third-party agent stand for. */
export function featuresOf(fields: AgentCapabilities | undefined): string[] {
  const has = fields?.features;
  const names: [name: string, has: boolean | undefined][] = [
    ['streaming', has?.streamingBody],
    ['cancellation', has?.cancellation],
    ['websocket', has?.websocket],
    ['guardrails', has?.guardrails],
    ['config_push', has?.configPush],
    ['metrics', has?.metricsExport],
    ['flow_control', has?.flowControl],
    ['health', has?.healthReporting],
    ['request_complete', fields?.supportedEvents.includes(5)],
  ];
  return names.filter(([, given]) => given === true).map(([name]) => name);
}
