import { EVENT_TYPES, type EventType } from '../message/events.ts';

/** What an agent can do; each dialect and gRPC writes it in its own shape. */
export interface Capabilities {
  /** Stable id of the agent, where it has one besides its name. */
  readonly agentId?: string | undefined;
  /** The events it wants to be asked about. */
  readonly events: readonly EventType[];
  /** Whether bodies may come in chunks. */
  readonly streaming: boolean;
  /** Whether it stops work on a cancel. */
  readonly cancellation: boolean;
  /** Whether it sends pause and resume. */
  readonly flowControl: boolean;
  /** Whether it sends health reports. */
  readonly healthReporting: boolean;
  /** Whether it sends metrics reports. */
  readonly metricsExport: boolean;
  /** Whether it takes configuration. */
  readonly configPush: boolean;
  /** Most requests it wants at once on one connection; absent means that it did not say. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Longest body it takes, in bytes. */
  readonly maxBodyBytes?: number | undefined;
  /** Chunk length it likes best, in bytes. */
  readonly preferredChunkBytes?: number | undefined;
}

/**
 * What is assumed of an agent that does not say: it is asked about everything, so that nothing passes without it, and
 * does nothing else.
 */
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
 * The capabilities of an agent as a proxy goes by them: the default ones where it has none, every event where it names
 * none. An agent that is there to be asked must not be passed over because its handshake says too little; one that only
 * takes configuration says so by that.
 */
export function capabilitiesOf(stated: Capabilities | undefined): Capabilities {
  if (stated === undefined) return DEFAULT_CAPABILITIES;
  if (stated.events.length > 0) return stated;
  return { ...stated, events: stated.configPush ? ['configure'] : DEFAULT_CAPABILITIES.events };
}
