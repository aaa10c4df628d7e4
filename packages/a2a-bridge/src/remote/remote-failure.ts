import { A2AError } from '@a2a-js/sdk/errors';
import { AgentwireError, toAgentwireError } from '@agentwire/core';

/** Error of the client with a code of ours. */
export function failure(error: unknown): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const { cause } = Object(error) as { readonly cause?: unknown };
  if (cause instanceof AgentwireError) return cause;
  if (error instanceof A2AError)
    return new AgentwireError('ERR_REFUSED', `the remote agent refused: ${error.message.slice(0, 500)}`);
  return toAgentwireError(error, 'ERR_CONNECT', 'the remote agent could not be asked');
}
