import { AgentwireError } from '../errors.ts';
import type { MessageType } from '../message/message.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { Dialect, Hello, Peer, Quirk } from './peer.ts';

/** Traits of a connection that its medium decides, whatever the two sides offer. */
export interface MediumTraits {
  readonly dialect: Dialect;
  /** Kind of request ids it carries. */
  readonly ids: 'number' | 'text';
  /** Longest message in bytes, with its framing. */
  readonly maxMessageBytes: number;
  /** Only encoding of the medium; default the first of the proxy's that the agent has, else `json`. */
  readonly encoding?: string;
  /** Message types that the medium carries for any peer, whatever the features say. */
  readonly always?: readonly MessageType[];
  /** Message types that the medium cannot carry. */
  readonly never?: readonly MessageType[];
  readonly quirks?: readonly Quirk[];
}

/** The one protocol version there is. */
export const PROTOCOL_VERSION = 2;

const CORE_EVENTS: readonly MessageType[] = [
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
];
const PROXY_ALWAYS: readonly MessageType[] = [...CORE_EVENTS, 'cancel', 'cancelAll', 'ping', 'pong'];
const AGENT_ALWAYS: readonly MessageType[] = ['answer', 'ping', 'pong'];

/** Message types that each negotiated feature allows a proxy and an agent to send. */
const BY_FEATURE: readonly [feature: string, proxy: readonly MessageType[], agent: readonly MessageType[]][] = [
  ['request_complete', ['requestComplete'], []],
  ['websocket', ['webSocketFrame'], []],
  ['guardrails', ['guardrailInspect'], []],
  ['config_push', ['configure'], []],
  ['health', [], ['healthStatus']],
  ['metrics', [], ['metricsReport']],
  ['config_update', ['configUpdateResponse'], ['configUpdateRequest']],
  ['flow_control', [], ['flowControl']],
  ['lifecycle', ['drain', 'shutdown'], ['drain', 'shutdown']],
  ['log', [], ['log']],
];

/**
 * Negotiates the facts of a connection from the two hellos. Pure, and the same for every transport: transports only
 * carry the bytes.
 *
 * @param self hello of this side
 * @param other hello of the other side
 * @param medium traits that the medium decides
 * @throws AgentwireError `ERR_PROTOCOL` when both have one role, `ERR_VERSION_MISMATCH` when they share no version.
 */
export function negotiate(self: Hello, other: Hello, medium: MediumTraits): Peer {
  if (self.role === other.role)
    throw new AgentwireError('ERR_PROTOCOL', `both sides say that they are the ${self.role}`);
  checkVersion(self.protocolVersions ?? [PROTOCOL_VERSION], other.protocolVersions ?? [PROTOCOL_VERSION]);
  const [proxy, agent] = self.role === 'proxy' ? [self, other] : [other, self];
  const features = other.features.filter((feature) => self.features.includes(feature));
  const accepts = new Set<MessageType>(self.role === 'proxy' ? PROXY_ALWAYS : AGENT_ALWAYS);
  for (const [feature, fromProxy, fromAgent] of BY_FEATURE) {
    if (!features.includes(feature)) continue;
    for (const type of self.role === 'proxy' ? fromProxy : fromAgent) accepts.add(type);
  }
  for (const type of medium.always ?? []) accepts.add(type);
  for (const type of medium.never ?? []) accepts.delete(type);
  return {
    ...other,
    capabilities: other.role === 'agent' ? capabilitiesOf(other.capabilities) : other.capabilities,
    // `authorize` has seen it; a peer is kept as long as its connection, shown and logged
    token: undefined,
    features,
    dialect: medium.dialect,
    encoding: medium.encoding ?? chooseEncoding(proxy.encodings, agent.encodings),
    ids: medium.ids,
    accepts,
    maxMessageBytes: medium.maxMessageBytes,
    quirks: medium.quirks ?? [],
  };
}

/** Picks the first encoding of the proxy's list that the agent has; `json` where they share none. */
function chooseEncoding(proxy: readonly string[], agent: readonly string[]): string {
  return proxy.find((encoding) => agent.includes(encoding)) ?? 'json';
}

/** Throws `ERR_VERSION_MISMATCH` unless the two lists share a version. */
function checkVersion(self: readonly number[], other: readonly number[]): void {
  if (other.some((version) => self.includes(version))) return;
  throw new AgentwireError(
    'ERR_VERSION_MISMATCH',
    `unsupported protocol version ${other.join(', ') || 'none'}, this side speaks ${self.join(', ')}`,
    { detail: { offered: other, supported: self } },
  );
}
