// for packages of this repository only: nothing here carries a promise of stability.
export { LengthPrefixedReader } from './frame/length-prefixed-reader.ts';
export type { LengthPrefixedReaderOptions } from './frame/length-prefixed-reader.ts';
export { SlowFrameGuard } from './frame/slow-frame-guard.ts';
export type { HandshakeShape } from './handshake/capabilities.ts';
export { ANSWER_FRAME, checkFirstFrame, isVersionOneFrame, OPENING_FRAME } from './handshake/frame-types.ts';
export {
  readRegistrationAnswer,
  readRegistrationRequest,
  writeRegistrationAnswer,
  writeRegistrationRefusal,
  writeRegistrationRequest,
} from './handshake/registration.ts';
export { readHandshakeReply, writeHandshakeRefusal, writeHandshakeReply } from './handshake/reply.ts';
export { readHandshakeRequest, writeHandshakeRequest } from './handshake/request.ts';
export { streamMedium } from './handshake/stream-medium.ts';
export { parseExact } from './json/exact-json.ts';
export { parseJson } from './json/parse-json.ts';
export { stringifyJson } from './json/stringify-json.ts';
export { eventHeaderValue, wireHeaderValue } from './messages/event-header-value.ts';
export { MAX_BUFFERED_BYTES } from './outbox/outbox.ts';
