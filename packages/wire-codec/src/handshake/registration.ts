import { AgentwireError, type Dialect, type Hello } from '@agentwire/core';
import { agentIdOf, PROTOCOL_VERSION } from '@agentwire/core/internal';
import { readCapabilities, writeCapabilities, type HandshakeShape } from './capabilities.ts';
import { isDocumentedShape } from './documented-capabilities.ts';
import { readChosenEncoding, readOfferedEncodings, wireEncodings } from './encodings.ts';
import {
  parseJsonObject,
  readBoolean,
  readCount,
  readName,
  readObject,
  readText,
  readToken,
  readTexts,
} from './read-fields.ts';
import { readRefusal, refusalFields } from './refusal.ts';
import { readZentinelIdentity } from './zentinel-capabilities.ts';

/** Registration of an agent that dialled a proxy, or the proxy's answer. */
export interface Registration {
  readonly dialect: Dialect;
  /** The other side's identity, features and capabilities. */
  readonly hello: Hello;
}

const REQUEST = 'registration request';
const ANSWER = 'registration answer';

/** Payload of the frame with which an agent opens a reverse connection. */
export function writeRegistrationRequest(shape: HandshakeShape, self: Hello): Buffer {
  const fields = {
    protocol_version: self.protocolVersions?.[0] ?? PROTOCOL_VERSION,
    agent_id: agentIdOf(self),
    capabilities: writeCapabilities(shape, self),
    ...(self.token === undefined ? undefined : { auth_token: self.token }),
    ...(shape === 'zentinel' ? undefined : { supported_features: self.features }),
    supported_encodings: wireEncodings(self.encodings),
  };
  return Buffer.from(JSON.stringify(fields));
}

/**
 * Reads the frame that an agent opened a reverse connection with. `hello.capabilities.agentId` is always the
 * `agent_id`, which is what a token must be bound to; `hello.name` is only for logs.
 *
 * @throws AgentwireError `ERR_PROTOCOL` when it is no registration. The version is not checked.
 */
export function readRegistrationRequest(payload: Uint8Array): Registration {
  const from = parseJsonObject(REQUEST, payload);
  if (from['agent_id'] === undefined && (from['client_name'] ?? from['proxy_id']) !== undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `${REQUEST}: it is the handshake of a proxy, and a proxy listens here`);
  }
  const agentId = readName(REQUEST, from, 'agent_id');
  const version = readCount(REQUEST, from, 'protocol_version');
  if (version === undefined) throw new AgentwireError('ERR_PROTOCOL', `${REQUEST}: protocol_version is missing`);
  const features = readTexts(REQUEST, from, 'supported_features') ?? [];
  const capabilities = readObject(REQUEST, from, 'capabilities');
  const identity = readZentinelIdentity(capabilities ?? {});
  return {
    dialect: capabilities !== undefined && isDocumentedShape(capabilities) ? 'documented' : 'zentinel',
    hello: {
      role: 'agent',
      name: identity.name ?? agentId,
      version: identity.version ?? '',
      protocolVersions: [version],
      features,
      encodings: readOfferedEncodings(REQUEST, from),
      capabilities: { ...readCapabilities(capabilities, features), agentId },
      token: readToken(REQUEST, from, 'auth_token'),
    },
  };
}

/** Fields of a proxy's answer beside its own name. */
export interface RegistrationGrant {
  /** Dialect of the messages that follow; the answer must not be readable as the other one's. */
  readonly dialect: Dialect;
  readonly encoding: string;
  /** The connection's id at the proxy; for logs on both sides. */
  readonly connectionId: string;
}

/** Payload of a proxy's answer: both shapes at once, without `accepted` where the dialect is zentinel. */
export function writeRegistrationAnswer(self: Hello, grant: RegistrationGrant): Buffer {
  const { dialect, encoding, connectionId } = grant;
  const fields = {
    ...(dialect === 'documented'
      ? { accepted: true, assigned_id: connectionId, supported_features: self.features }
      : undefined),
    success: true,
    error: null,
    proxy_id: self.name,
    proxy_version: self.version,
    connection_id: connectionId,
    encoding,
  };
  return Buffer.from(JSON.stringify(fields));
}

/** Payload of a proxy's refusal of a registration. */
export function writeRegistrationRefusal(self: Hello, error: AgentwireError): Buffer {
  const fields = {
    accepted: false,
    success: false,
    ...refusalFields(error, 'proxy'),
    proxy_id: self.name,
    proxy_version: self.version,
    connection_id: '',
  };
  return Buffer.from(JSON.stringify(fields));
}

/**
 * Reads a proxy's answer to a registration.
 *
 * @param asked shape of the registration that it answers
 * @param self this side's hello, for the encodings that it offered
 * @throws AgentwireError `ERR_REFUSED` with the proxy's reason (or the code that it gave), `ERR_PROTOCOL`.
 */
export function readRegistrationAnswer(payload: Uint8Array, asked: HandshakeShape, self: Hello): Registration {
  const from = parseJsonObject(ANSWER, payload);
  const accepted = readBoolean(ANSWER, from, 'accepted');
  const success = readBoolean(ANSWER, from, 'success');
  if (accepted === false || success === false) throw readRefusal(ANSWER, from);
  if (accepted === undefined && success === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `${ANSWER}: neither accepted nor success is there`);
  }
  if (asked === 'documented' && accepted === undefined) {
    throw new AgentwireError(
      'ERR_PROTOCOL',
      `${ANSWER}: asked for the documented dialect, the proxy answered in the zentinel one`,
    );
  }
  return {
    // the answer may be the union of both shapes, so a request in one shape decides the dialect
    dialect: asked === 'zentinel' || accepted === undefined ? 'zentinel' : 'documented',
    hello: {
      role: 'proxy',
      name: readText(ANSWER, from, 'proxy_id') || 'proxy',
      version: readText(ANSWER, from, 'proxy_version') ?? '',
      features: readTexts(ANSWER, from, 'supported_features') ?? [],
      encodings: [readChosenEncoding(ANSWER, from, self.encodings)],
    },
  };
}
