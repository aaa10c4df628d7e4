import { AgentwireError } from '@agentwire/core';

/** Progress of a request when its upstream failed: not sent yet, sent, or answered with a head. */
export type UpstreamStage = 'dial' | 'request' | 'response';

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Code of the error for a connection of HTTP/2 that has ended without an error of the system. */
export const CONNECTION_ENDED = 'ERR_HTTP2_CONNECTION_ENDED';

const LOSSES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', CONNECTION_ENDED]);

/** Returns whether the connection was lost, as when the upstream closes one that it considers idle. */
export function isConnectionLoss(error: Error): boolean {
  return LOSSES.has(codeOf(error));
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
const isHttp2Answer = (error: Error): boolean => 'data' in error && HTTP2_SETTINGS.test(String(error.data));

/** Returns the error for a response that the upstream broke off, or did not begin. @param what what ended it, as `the upstream closed the connection` */
export function brokenOff(what: string, stage: UpstreamStage, cause?: Error, reason?: string): AgentwireError {
  const when = stage === 'response' ? 'within its response' : 'before it answered';
  const message = `${what} ${when}${reason === undefined ? '' : `: ${reason}`}`;
  return new AgentwireError('ERR_CLOSED', message, { cause, detail: { by: 'remote' } });
}

/** Returns whether the upstream broke a response off; another server may do better. */
export function isBrokenOff(error: AgentwireError): boolean {
  return error.code === 'ERR_CLOSED' && error.detail?.['by'] === 'remote';
}

const violation = (message: string, cause: Error): AgentwireError =>
  new AgentwireError('ERR_PROTOCOL', message, { cause });

/** Converts what undici's parser of HTTP/1.1 reports. */
function asParserError(error: Error, stage: UpstreamStage): AgentwireError {
  if (isHttp2Answer(error))
    return violation('the upstream answered with HTTP/2: give it protocol: http2, in upstreams', error);
  const reason = /\(([^()]*)\)$/.exec(error.message)?.[1] ?? '';
  if (reason.startsWith('Invalid EOF')) return brokenOff('the upstream closed the connection', stage, error);
  return violation(`the upstream sent what is no response of HTTP/1.1: ${reason}`, error);
}

/** Converts errors of undici and the system to errors that name the upstream. */
export function asUpstreamError(error: Error, stage: UpstreamStage): Error {
  if (error instanceof AgentwireError) return error;
  const { cause } = error;
  if (stage === 'dial' && cause instanceof Error) return asUpstreamError(cause, stage);
  const code = codeOf(error);
  if (error.name === 'HTTPParserError') return asParserError(error, stage);
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT': {
      const message = 'no connection to the upstream could be made in time; see upstreamConnectTimeoutMs';
      return new AgentwireError('ERR_TIMEOUT', message, { cause: error });
    }
    case 'UND_ERR_HEADERS_OVERFLOW':
      return violation("the head of the upstream's response is too long", error);
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      // undici gives a head that it cannot parse this code too
      if (stage !== 'response') return violation('the upstream sent what is no response of HTTP/1.1', error);
      return brokenOff('the upstream closed the connection', stage, error, 'less than its content-length came');
    case 'UND_ERR_DESTROYED':
      return new AgentwireError('ERR_CLOSED', 'the gateway was closed before the request was over', { cause: error });
    case REFUSED_STREAM:
      return brokenOff('the upstream refused the stream', stage, error);
    case 'ECONNRESET':
      if (stage !== 'dial') return brokenOff('the upstream reset the connection', stage, error);
  }
  if (code === 'UND_ERR_SOCKET' && error.message.startsWith('bad '))
    return violation('the upstream sent an interim response that was not requested: 101', error);
  // codes of undici tell of arguments, and errors without a code are those of the body
  if (stage === 'dial' && code?.startsWith('UND_') === false)
    return new AgentwireError('ERR_CONNECT', `the upstream could not be reached: ${code}`, { cause: error });
  if (code === CONNECTION_ENDED) return brokenOff('the connection to the upstream ended', stage, error);
  if (isConnectionLoss(error)) return brokenOff('the upstream closed the connection', stage, error);
  if (code !== undefined && /^(E[A-Z\d]+$|ERR_SSL_|ERR_TLS_)/.test(code))
    return brokenOff('the upstream closed the connection', stage, error, code);
  return error;
}
