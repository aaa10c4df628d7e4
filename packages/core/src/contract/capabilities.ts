import { EVENT_TYPES, type EventType } from '../message/events.ts';

/** Capabilities of an agent; each dialect and gRPC writes them in its own shape. */
export interface Capabilities {
  /** Stable id of the agent, if it has one besides its name. */
  readonly agentId?: string | undefined;
  /** Events that it decides on. */
  readonly events: readonly EventType[];
  /** True if bodies may come in chunks. */
  readonly streaming: boolean;
  /** True if it stops work on a cancel. */
  readonly cancellation: boolean;
  /** True if it sends pause and resume. */
  readonly flowControl: boolean;
  /** True if it sends health reports. */
  readonly healthReporting: boolean;
  /** True if it sends metrics reports. */
  readonly metricsExport: boolean;
  /** True if it accepts configuration. */
  readonly configPush: boolean;
  /** Limit of concurrent requests on one connection; absent if it did not specify one. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Longest body that it accepts, in bytes. */
  readonly maxBodyBytes?: number | undefined;
  /** Preferred chunk length, in bytes. */
  readonly preferredChunkBytes?: number | undefined;
}

/** Capabilities of an agent that specifies none: it gets every event, so that nothing passes without it, and has no other feature. */
export const DEFAULT_CAPABILITIES: Capabilities = Object.freeze<Capabilities>({
  events: Object.freeze([...EVENT_TYPES]),
  streaming: false,
  cancellation: false,
  flowControl: false,
  healthReporting: false,
  metricsExport: false,
  configPush: false,
});

/**
 * Returns the capabilities that a proxy applies: {@link DEFAULT_CAPABILITIES} for an agent without any, every event for one
 * that names none. A handshake that says too little must not make an agent be skipped; one that names no event but accepts
 * configuration is asked about `configure` only.
 */
export function capabilitiesOf(stated: Capabilities | undefined): Capabilities {
  if (stated === undefined) return DEFAULT_CAPABILITIES;
  if (stated.events.length > 0) return stated;
  return { ...stated, events: stated.configPush ? ['configure'] : DEFAULT_CAPABILITIES.events };
}
