import type { MessageType } from '../message/message.ts';
import type { Capabilities } from './capabilities.ts';

/** Side of a connection: the proxy asks, the agent decides; either may have dialled. */
export type Role = 'proxy' | 'agent';

/** `documented`: the protocol as its documents describe it. `zentinel`: as the released Rust crate speaks it. */
export type Dialect = 'documented' | 'zentinel';

/** Content of one side's handshake. */
export interface Hello {
  readonly role: Role;
  /** Name of the proxy or the agent. */
  readonly name: string;
  /** Version of the program, for logs. */
  readonly version: string;
  /** Supported protocol versions; default `[2]`. */
  readonly protocolVersions?: readonly number[];
  /** Optional features; see {@link FEATURES}. A message of a feature is sent only if both sides named it. */
  readonly features: readonly string[];
  /** Supported encodings in order of preference: `json`, `msgpack`. */
  readonly encodings: readonly string[];
  /** Capabilities; agents only. */
  readonly capabilities?: Capabilities | undefined;
  /** Secret for authentication, 1 to 16 384 visible ASCII characters; only if the other side requires one. */
  readonly token?: string | undefined;
}

/** The features of the protocol that are negotiated. The first two come from the protocol's documents. */
export const FEATURES: readonly string[] = [
  'streaming',
  'cancellation',
  'request_complete',
  'websocket',
  'guardrails',
  'config_push',
  'health',
  'metrics',
  'config_update',
  'flow_control',
  'lifecycle',
  'log',
  'errors',
  'slot_ids',
  'cache',
];

/** Departure of a peer's implementation from the protocol; an agent that depends on it is warned once in the log. */
export type Quirk =
  | 'challenge_is_allow'
  | 'redirect_is_error'
  | 'block_headers_dropped'
  | 'request_body_mutation_ignored'
  | 'needs_more_ignored'
  | 'response_block_ignored'
  | 'response_headers_early_dropped'
  | 'response_body_mutation_required'
  | 'response_body_mutation_ignored';

/** Result of a handshake, fixed for the life of the connection. The fields of {@link Hello} are the other side's. */
export interface Peer extends Hello {
  readonly dialect: Dialect;
  /** Encoding of this connection's messages: `json`, `msgpack`, `protobuf`, or a transport's own. */
  readonly encoding: string;
  /** Kind of request ids that the connection carries. */
  readonly ids: 'number' | 'text';
  /** Message types that this side may send. */
  readonly accepts: ReadonlySet<MessageType>;
  /** Longest message either side may send, in bytes, with its framing. */
  readonly maxMessageBytes: number;
  /** Known departures of this peer from the protocol. */
  readonly quirks: readonly Quirk[];
}

/** Returns whether the peer is agentwire: it negotiated a feature that no other implementation has. */
export function isAgentwire({ features }: Pick<Peer, 'features'>): boolean {
  return features.includes('slot_ids') || features.includes('errors');
}

/** Id of an agent: what a token proves and a pool calls it; that of its capabilities, else its name. */
export function agentIdOf({ name, capabilities }: Pick<Hello, 'name' | 'capabilities'>): string {
  return capabilities?.agentId ?? name;
}

/** Credentials that the other side presented while it connected. */
export interface Credential {
  /** The token of its handshake. */
  readonly token?: string | undefined;
  /** Its verified TLS client certificate, DER. */
  readonly certificate?: Uint8Array | undefined;
  /** Origin for logs: an address or a path. */
  readonly address?: string | undefined;
}
