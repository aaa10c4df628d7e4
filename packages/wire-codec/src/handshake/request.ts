import { AgentwireError, type Dialect, type Hello } from '@agentwire/core';
import { PROTOCOL_VERSION } from '@agentwire/core/internal';
import type { HandshakeShape } from './capabilities.ts';
import { readOfferedEncodings, wireEncodings } from './encodings.ts';
import {
  parseJsonObject,
  readCount,
  readIntegers,
  readName,
  readText,
  readToken,
  readTexts,
  type JsonObject,
} from './read-fields.ts';

/** Handshake request of a proxy. */
export interface HandshakeRequest {
  /** Shape that the answer must have. */
  readonly shape: HandshakeShape;
  /** Dialect of the messages that follow. */
  readonly dialect: Dialect;
  /** The proxy's identity and features. */
  readonly hello: Hello;
}

const WHAT = 'handshake request';

function documentedFields(self: Hello): JsonObject {
  return {
    protocol_version: self.protocolVersions?.[0] ?? PROTOCOL_VERSION,
    client_name: self.name,
    supported_features: self.features,
  };
}

function zentinelFields(self: Hello): JsonObject {
  return {
    supported_versions: self.protocolVersions ?? [PROTOCOL_VERSION],
    proxy_id: self.name,
    proxy_version: self.version,
    config: null,
  };
}

/**
 * Payload of the frame with which a proxy opens a connection.
 *
 * @param shape `union` lets the agent choose the dialect; the others request one
 */
export function writeHandshakeRequest(shape: HandshakeShape, self: Hello): Buffer {
  const fields = {
    ...(shape === 'documented' ? undefined : zentinelFields(self)),
    ...(shape === 'zentinel' ? undefined : documentedFields(self)),
    supported_encodings: wireEncodings(self.encodings),
    ...(self.token === undefined ? undefined : { auth_token: self.token }),
  };
  return Buffer.from(JSON.stringify(fields));
}

/**
 * Reads the payload of a proxy's first frame; its fields tell the dialect.
 *
 * @throws AgentwireError `ERR_PROTOCOL` when it is none of the known requests. The version is not checked.
 */
export function readHandshakeRequest(payload: Uint8Array): HandshakeRequest {
  const from = parseJsonObject(WHAT, payload);
  const isZentinel = from['supported_versions'] !== undefined;
  const isDocumented = from['client_name'] !== undefined;
  if (!isZentinel && !isDocumented) throw notARequest(from);
  const version = readCount(WHAT, from, 'protocol_version');
  const versions = readIntegers(WHAT, from, 'supported_versions') ?? [];
  if (isDocumented && !isZentinel && version === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `${WHAT}: protocol_version is missing`);
  }
  return {
    shape: isDocumented ? (isZentinel ? 'union' : 'documented') : 'zentinel',
    dialect: isDocumented ? 'documented' : 'zentinel',
    hello: {
      role: 'proxy',
      name: readName(WHAT, from, isDocumented ? 'client_name' : 'proxy_id'),
      version: readText(WHAT, from, 'proxy_version') ?? '',
      protocolVersions: [...new Set(version === undefined ? versions : [version, ...versions])],
      features: readTexts(WHAT, from, 'supported_features') ?? [],
      encodings: readOfferedEncodings(WHAT, from),
      token: readToken(WHAT, from, 'auth_token'),
    },
  };
}

function notARequest(from: JsonObject): AgentwireError {
  const why =
    from['agent_id'] === undefined
      ? 'neither client_name nor supported_versions is there'
      : 'it is the registration of an agent, and an agent listens here; let it dial a proxy';
  return new AgentwireError('ERR_PROTOCOL', `${WHAT}: ${why}`);
}
