import { AgentwireError } from '@agentwire/core';

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Returns whether the connection was lost, as when the upstream closes one that it considers idle. */
export function isConnectionLoss(error: Error): boolean {
  const code = codeOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** Code of the error for a stream that the upstream has refused unseen (RFC 9113 §8.7): it may be sent again, whatever its method. */
export const REFUSED_STREAM = 'ERR_HTTP2_REFUSED_STREAM';

/** Returns whether the upstream has refused a stream without any effect of it. */
export function isRefusedStream(error: Error): boolean {
  return codeOf(error) === REFUSED_STREAM;
}

/** Converts errors of undici and the system to errors that name the upstream. */
export function asUpstreamError(error: Error): Error {
  if (error instanceof AgentwireError) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    const message = 'no connection to the upstream could be made in time; see upstreamConnectTimeoutMs';
    return new AgentwireError('ERR_TIMEOUT', message, { cause: error });
  }
  if (code !== undefined && (code.startsWith('E') || code.startsWith('UND_ERR_SOCKET'))) {
    return new AgentwireError('ERR_CONNECT', `the upstream could not be reached: ${code}`, { cause: error });
  }
  return error;
}
