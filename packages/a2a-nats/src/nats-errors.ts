import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

const INBOX_FULL = new Set([10_077, 10_014, 10_138]);
const TOO_LARGE = 10_054;
const NO_MESSAGE = 10_037;
const STREAM_NOT_FOUND = 10_059;
const INBOX_FULL_TEXT = /maximum (messages|bytes|messages per subject)/i;

/** Makes an error of the NATS client an {@link AgentwireError}: the one place where its error classes are known. */
export function fromNatsError(error: unknown, what: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new AgentwireError(codeOf(error, text), `${what}: ${text}`, { cause: error });
}

function codeOf(error: unknown, text: string): ErrorCode {
  if (error instanceof JetStreamApiError) {
    if (error.code === TOO_LARGE) return 'ERR_MESSAGE_TOO_LARGE';
    return INBOX_FULL.has(error.code) || INBOX_FULL_TEXT.test(text) ? 'ERR_INBOX_FULL' : 'ERR_IO';
  }
  if (INBOX_FULL_TEXT.test(text)) return 'ERR_INBOX_FULL';
  if (error instanceof errors.TimeoutError) return 'ERR_TIMEOUT';
  if (error instanceof errors.NoRespondersError) return 'ERR_NO_RESPONDERS';
  if (error instanceof errors.PermissionViolationError) return 'ERR_UNAUTHORIZED';
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return 'ERR_UNAUTHORIZED';
  if (error instanceof errors.ConnectionError) return 'ERR_CONNECT';
  if (error instanceof errors.RequestError && error.isNoResponders()) return 'ERR_NO_RESPONDERS';
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.InvalidSubjectError)
    return 'ERR_INVALID_ARGUMENT';
  return 'ERR_CLOSED';
}

/** Tells whether there is no such message in a stream. */
export function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === NO_MESSAGE;
}

/** Tells whether there is no such stream. */
export function isNoStream(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

/** Tells whether no stream takes a subject. */
export function isUnheard(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return isNoStream(error);
  // the client takes a subject without listeners for a server without JetStream, and keeps what it saw as the cause
  const seen = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return seen instanceof errors.NoRespondersError || (seen instanceof errors.RequestError && seen.isNoResponders());
}
