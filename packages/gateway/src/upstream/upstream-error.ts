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

/** Beginning of the SETTINGS frame that a server of HTTP/2 sends first, as undici shows what it could not parse (RFC 9113 §3.4). */
// oxlint-disable-next-line no-control-regex -- the bytes of a frame
const HTTP2_SETTINGS = /^\0\0[^]\x04\0{5}/;

/** Returns whether an upstream that was spoken to in HTTP/1.1 has sent HTTP/2. */
const isHttp2Answer = (error: Error): boolean =>
  error.name === 'HTTPParserError' && 'data' in error && HTTP2_SETTINGS.test(String(error.data));

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
  if (isHttp2Answer(error)) {
    const message = 'the upstream answered with HTTP/2: give it protocol: http2, in upstreams';
    return new AgentwireError('ERR_PROTOCOL', message, { cause: error });
  }
  return error;
}
