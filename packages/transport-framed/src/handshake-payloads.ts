import type { AgentwireError, Dialect, Hello } from '@agentwire/core';
import {
  readHandshakeReply,
  readHandshakeRequest,
  readRegistrationAnswer,
  readRegistrationRequest,
  writeHandshakeRefusal,
  writeHandshakeReply,
  writeHandshakeRequest,
  writeRegistrationAnswer,
  writeRegistrationRefusal,
  writeRegistrationRequest,
  type HandshakeShape,
} from '@agentwire/wire-codec/internal';

/** The other side's hello, with the dialect that follows from its form. */
export interface Introduction {
  readonly dialect: Dialect;
  readonly hello: Hello;
}

/** An opening that a listener has read, with its answer. */
export interface Opening extends Introduction {
  /** Form in which a refusal must be written. */
  readonly shape: HandshakeShape;
  accept(encoding: string, connectionId: string): Uint8Array;
}

/** Makes the payload of the frame that the dialling side opens with: a handshake from a proxy, a registration from an agent. */
export function writeOpening(shape: HandshakeShape, self: Hello): Uint8Array {
  return self.role === 'proxy' ? writeHandshakeRequest(shape, self) : writeRegistrationRequest(shape, self);
}

/** Reads the answer to {@link writeOpening}. @throws AgentwireError when it is a refusal or no answer. */
export function readAnswer(payload: Uint8Array, shape: HandshakeShape, self: Hello): Introduction {
  return self.role === 'proxy'
    ? readHandshakeReply(payload, shape, self)
    : readRegistrationAnswer(payload, shape, self);
}

/** Reads the first frame of a peer, at a listener. @throws AgentwireError `ERR_PROTOCOL`. */
export function readOpening(payload: Uint8Array, self: Hello): Opening {
  if (self.role === 'agent') {
    const request = readHandshakeRequest(payload);
    return { ...request, accept: (encoding) => writeHandshakeReply(request.shape, self, encoding) };
  }
  const registration = readRegistrationRequest(payload);
  const { dialect } = registration;
  return {
    ...registration,
    shape: dialect,
    accept: (encoding, connectionId) => writeRegistrationAnswer(self, { dialect, encoding, connectionId }),
  };
}

/** Makes the payload with which a listener refuses; `union` for a peer whose opening could not be read. */
export function writeRefusal(shape: HandshakeShape, self: Hello, error: AgentwireError): Uint8Array {
  return self.role === 'agent' ? writeHandshakeRefusal(shape, self, error) : writeRegistrationRefusal(self, error);
}
