import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

const INBOX_FULL = new Set([10_077, 10_014, 10_138]);
const TOO_LARGE = 10_054;
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
