import { AgentwireError, type ErrorCode } from '@agentwire/core';

/** What a handler's own mistakes and the bodies that it reads end with; none of them says anything about the connection. */
const OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_BODY_NOT_JSON',
  'ERR_BODY_TOO_LARGE',
  'ERR_HANDLER',
  'ERR_INVALID_ARGUMENT',
  'ERR_INVALID_HEADER',
  'ERR_INVALID_STATE',
  'ERR_IO',
  'ERR_NO_SPACE',
]);

/**
 * What a handler threw, as the proxy is told: an agent whose own client cannot connect or waits too long could not decide,
 * which is not that the agent cannot be reached.
 */
export function handlerError(error: unknown): unknown {
  if (!(error instanceof AgentwireError) || OWN.has(error.code)) return error;
  return new AgentwireError('ERR_HANDLER', `the agent's handler failed with ${error.code}`, { cause: error });
}
