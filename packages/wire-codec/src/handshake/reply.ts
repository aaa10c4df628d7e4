import { AgentwireError, type Dialect, type Hello } from '@agentwire/core';
import { PROTOCOL_VERSION } from '@agentwire/core/internal';
import { readCapabilities, writeCapabilities, type HandshakeShape } from './capabilities.ts';
import { readChosenEncoding } from './encodings.ts';
import {
  parseJsonObject,
  readBoolean,
  readCount,
  readName,
  readObject,
  readText,
  readTexts,
  type JsonObject,
} from './read-fields.ts';
import { readRefusal, refusalFields } from './refusal.ts';
import { readZentinelIdentity } from './zentinel-capabilities.ts';

/** Answer of an agent to a handshake request. */
export interface HandshakeReply {
  readonly dialect: Dialect;
  /** The agent's identity, features and capabilities; its one encoding is the chosen one. */
  readonly hello: Hello;
}

const WHAT = 'handshake reply';

function replyFields(shape: HandshakeShape, self: Hello, encoding: string): JsonObject {
  const version = self.protocolVersions?.[0] ?? PROTOCOL_VERSION;
  const capabilities = writeCapabilities(shape, self);
  if (shape === 'zentinel') return { protocol_version: version, success: true, error: null, capabilities, encoding };
  return {
    protocol_version: version,
    ...(shape === 'union' ? { success: true, accepted: true, error: null } : undefined),
    agent_name: self.name,
    capabilities,
    supported_features: self.features,
    encoding,
  };
}

/** Payload of an agent's answer, in the shape of the request. */
export function writeHandshakeReply(shape: HandshakeShape, self: Hello, encoding: string): Buffer {
  return Buffer.from(JSON.stringify(replyFields(shape, self, encoding)));
}

/** Payload of an agent's refusal; it has every field that a reader may require. */
export function writeHandshakeRefusal(shape: HandshakeShape, self: Hello, error: AgentwireError): Buffer {
  const fields = {
    ...replyFields(shape, self, 'json'),
    success: false,
    ...(shape === 'zentinel' ? undefined : { accepted: false }),
    ...refusalFields(error, 'agent'),
  };
  return Buffer.from(JSON.stringify(fields));
}

/**
 * Reads an agent's answer.
 *
 * @param asked shape of the request that it answers
 * @param self this side's hello, for the encodings that it offered
 * @throws AgentwireError `ERR_REFUSED` with the agent's reason (or the code that it gave), `ERR_VERSION_MISMATCH`,
 * `ERR_PROTOCOL` for a payload that is no answer, or is one of a dialect that was not requested.
 */
export function readHandshakeReply(payload: Uint8Array, asked: HandshakeShape, self: Hello): HandshakeReply {
  const from = parseJsonObject(WHAT, payload);
  if (readBoolean(WHAT, from, 'success') === false || readBoolean(WHAT, from, 'accepted') === false) {
    throw readRefusal(WHAT, from);
  }
  const dialect = dialectOf(from, asked);
  const version = readCount(WHAT, from, 'protocol_version');
  const features = readTexts(WHAT, from, 'supported_features') ?? [];
  const capabilities = readObject(WHAT, from, 'capabilities');
  const identity = readZentinelIdentity(capabilities ?? {});
  const name =
    dialect === 'documented'
      ? readName(WHAT, from, 'agent_name')
      : (identity.name ?? readText(WHAT, from, 'agent_name'));
  if (version === undefined) throw new AgentwireError('ERR_PROTOCOL', `${WHAT}: protocol_version is missing`);
  return {
    dialect,
    hello: {
      role: 'agent',
      name: name ?? 'agent',
      version: identity.version ?? '',
      protocolVersions: [version],
      features,
      encodings: [readChosenEncoding(WHAT, from, self.encodings)],
      capabilities: readCapabilities(capabilities, features),
    },
  };
}

function dialectOf(from: JsonObject, asked: HandshakeShape): Dialect {
  const documented = from['agent_name'] !== undefined || from['accepted'] !== undefined;
  if (!documented && from['success'] === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `${WHAT}: none of agent_name, accepted and success is there`);
  }
  const dialect = documented ? 'documented' : 'zentinel';
  if (asked === 'union' || asked === dialect) return dialect;
  throw new AgentwireError(
    'ERR_PROTOCOL',
    `${WHAT}: asked for the ${asked} dialect, the agent answered in the ${dialect} one`,
  );
}
