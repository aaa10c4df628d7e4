import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AgentwireError, ERROR_CODES, type ErrorCode, type Hello } from '@agentwire/core';
import { PROTOCOL_VERSION } from '@agentwire/core/internal';
import { checkRepeatedFields, checkWireTypes } from '../codec/reference/check-fields.ts';
import { present } from '../codec/reference/present.ts';
import { peerText } from '../errors/http2-errors.ts';
import {
  AgentToProxySchema,
  ProxyToAgentSchema,
  type HandshakeRequest,
  type HandshakeResponse,
} from '../gen/zentinel/agent/v2/agent_pb.ts';
import { featuresOf, fromCapabilities, toCapabilities } from './capability-fields.ts';

/** Facts about the other side from its handshake. */
export interface OtherSide {
  readonly hello: Hello;
  /** `true` for a peer that knows agentwire's fields, the numbers from 100 up. */
  readonly isAgentwire: boolean;
}

/** Features of a third-party proxy, which names none: those whose messages the protocol has without agentwire's fields. */
const PLAIN_PROXY_FEATURES: readonly string[] = [
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
  'log',
];

/** Bytes of a proxy's handshake. */
export function writeHandshakeRequest(self: Hello): Uint8Array {
  const value = {
    supportedVersions: [...(self.protocolVersions ?? [PROTOCOL_VERSION])],
    proxyId: self.name,
    proxyVersion: self.version,
    configJson: '{}',
    agentwireJson: writeAgentwireJson(self.features),
  };
  return toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: { case: 'handshake', value } }));
}

/** Reads a proxy's handshake. @throws AgentwireError `ERR_PROTOCOL` for any other message. */
export function readHandshakeRequest(bytes: Uint8Array, token: string | undefined): OtherSide {
  return otherProxy(
    onlyHandshake('proxy', () => {
      checkWireTypes(ProxyToAgentSchema, bytes);
      return fromBinary(ProxyToAgentSchema, bytes).message;
    }) as HandshakeRequest,
    token,
  );
}

/** The proxy behind a handshake. */
function otherProxy(fields: HandshakeRequest, token: string | undefined): OtherSide {
  const agentwire = readAgentwireJson(fields.agentwireJson);
  const hello: Hello = present({
    role: 'proxy' as const,
    name: peerText(fields.proxyId),
    version: peerText(fields.proxyVersion),
    protocolVersions: fields.supportedVersions.slice(0, 16),
    features: agentwire?.features ?? PLAIN_PROXY_FEATURES,
    encodings: [],
    token,
  });
  return { hello, isAgentwire: agentwire !== undefined };
}

/** Other side of a call outside ProcessStream, which has no handshake. */
export function unknownProxy(name: string, token: string | undefined): OtherSide {
  const hello = { role: 'proxy' as const, name, version: '', features: PLAIN_PROXY_FEATURES, encodings: [], token };
  return { hello: present(hello), isAgentwire: false };
}

/** Bytes of an agent's answer to a handshake; `agentwire_json` only for a proxy that sent it. */
export function writeHandshakeResponse(self: Hello, isAgentwire: boolean): Uint8Array {
  const value = present({
    protocolVersion: (self.protocolVersions ?? [PROTOCOL_VERSION])[0] ?? PROTOCOL_VERSION,
    success: true,
    capabilities: toCapabilities(self),
    agentwireJson: isAgentwire ? writeAgentwireJson(self.features) : undefined,
  });
  return toBinary(AgentToProxySchema, create(AgentToProxySchema, { message: { case: 'handshake', value } }));
}

/** Bytes of an agent's refusal. */
export function writeRefusal(self: Hello, error: AgentwireError, isAgentwire: boolean): Uint8Array {
  const value = present({
    protocolVersion: (self.protocolVersions ?? [PROTOCOL_VERSION])[0] ?? PROTOCOL_VERSION,
    success: false,
    error: error.message,
    agentwireJson: isAgentwire ? writeAgentwireJson([], error.code) : undefined,
  });
  return toBinary(AgentToProxySchema, create(AgentToProxySchema, { message: { case: 'handshake', value } }));
}

/**
 * Reads an agent's answer to a handshake.
 *
 * @throws AgentwireError the reason of a refusal, `ERR_PROTOCOL` for any other message.
 */
export function readHandshakeResponse(bytes: Uint8Array, self: Hello): OtherSide {
  const fields = onlyHandshake('agent', () => {
    checkRepeatedFields(AgentToProxySchema, bytes);
    return fromBinary(AgentToProxySchema, bytes).message;
  }) as HandshakeResponse;
  const agentwire = readAgentwireJson(fields.agentwireJson);
  const versions = self.protocolVersions ?? [PROTOCOL_VERSION];
  if (!fields.success) {
    const mismatch = fields.protocolVersion !== 0 && !versions.includes(fields.protocolVersion);
    const code = agentwire?.code ?? (mismatch ? 'ERR_VERSION_MISMATCH' : 'ERR_REFUSED');
    const why = fields.error === undefined ? 'it did not say why' : peerText(fields.error);
    throw new AgentwireError(code, `the agent refused the handshake: ${why}`);
  }
  const { capabilities } = fields;
  const hello: Hello = {
    role: 'agent',
    name: peerText(capabilities?.name ?? ''),
    version: peerText(capabilities?.version ?? ''),
    protocolVersions: [fields.protocolVersion],
    features: agentwire?.features ?? featuresOf(capabilities),
    encodings: [],
    capabilities: fromCapabilities(capabilities),
  };
  return { hello, isAgentwire: agentwire !== undefined };
}

function onlyHandshake(role: string, read: () => { case?: string | undefined; value?: unknown }): unknown {
  let message: { case?: string | undefined; value?: unknown };
  try {
    message = read();
  } catch (error) {
    throw new AgentwireError('ERR_PROTOCOL', `the ${role} did not begin with a handshake that can be read`, {
      cause: error,
    });
  }
  if (message.case === 'handshake') return message.value;
  throw new AgentwireError(
    'ERR_PROTOCOL',
    `the ${role} began with ${message.case ?? 'an unknown message'}, not with a handshake`,
  );
}

/** Content of `agentwire_json`. */
interface AgentwireJson {
  readonly features: readonly string[];
  /** Code of a refusal. */
  readonly code: ErrorCode | undefined;
}

const MAX_FEATURES = 256;

/** Writes `agentwire_json`. */
function writeAgentwireJson(features: readonly string[], code?: ErrorCode): string {
  return JSON.stringify(code === undefined ? { features } : { features, code });
}

/** Reads `agentwire_json`; undefined if it is absent or invalid: the peer then counts as third-party. */
function readAgentwireJson(text: string | undefined): AgentwireJson | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as { features?: unknown; code?: unknown } | null;
    if (typeof value !== 'object' || value === null || !Array.isArray(value.features)) return undefined;
    const features = value.features.filter((feature) => typeof feature === 'string').slice(0, MAX_FEATURES);
    const known = typeof value.code === 'string' && Object.hasOwn(ERROR_CODES, value.code);
    return { features, code: known ? (value.code as ErrorCode) : undefined };
  } catch {
    return undefined;
  }
}
