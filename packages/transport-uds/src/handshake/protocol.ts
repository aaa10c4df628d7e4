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

/** What the other side said, and what follows from its form. */
export interface Said {
  readonly dialect: Dialect;
  readonly hello: Hello;
}

/** What a listener was asked, with the two answers to it. */
export interface Asked extends Said {
  accept(encoding: string, connectionId: string): Uint8Array;
}

/** The payload of the frame that the dialling side opens with: a handshake from a proxy, a registration from an agent. */
export function writeOpening(shape: HandshakeShape, self: Hello): Uint8Array {
  return self.role === 'proxy' ? writeHandshakeRequest(shape, self) : writeRegistrationRequest(shape, self);
}

/** Reads the answer to {@link writeOpening}. @throws AgentwireError when it is a refusal or no answer. */
export function readAnswer(payload: Uint8Array, shape: HandshakeShape, self: Hello): Said {
  return self.role === 'proxy'
    ? readHandshakeReply(payload, shape, self)
    : readRegistrationAnswer(payload, shape, self);
}

/** Reads what a peer opened with, at a listener. @throws AgentwireError `ERR_PROTOCOL`. */
export function readOpening(payload: Uint8Array, self: Hello): Asked & { readonly shape: HandshakeShape } {
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

/** The payload with which a listener refuses; `union` for a peer whose opening could not be read. */
export function writeRefusal(shape: HandshakeShape, self: Hello, error: AgentwireError): Uint8Array {
  return self.role === 'agent' ? writeHandshakeRefusal(shape, self, error) : writeRegistrationRefusal(self, error);
}
