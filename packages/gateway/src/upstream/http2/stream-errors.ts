import { AgentwireError } from '@agentwire/core';
import { brokenOff, CONNECTION_ENDED, type UpstreamStage } from '../upstream-error.ts';

/** Returns an error with a code, as those of the system have one. */
export function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Names of the codes of RST_STREAM, from 0 on (RFC 9113 §7). */
const CODES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

const PROTOCOL_ERROR = 1;

/** Returns the error for a stream that was reset with a code. */
export function resetFault(code: number, stage: UpstreamStage): AgentwireError {
  const name = CODES[code] ?? `code ${code}`;
  if (code !== PROTOCOL_ERROR) return brokenOff('the upstream reset the stream', stage, undefined, name);
  // node:http2 resets streams with this code itself, where a response is malformed
  const when = stage === 'response' ? 'within' : 'before';
  return new AgentwireError('ERR_PROTOCOL', `the stream was reset ${when} the upstream's response: ${name}`);
}

/** Returns the error for the streams of a connection that has ended. @param error what it ended with */
export function sessionFault(error: Error | undefined): Error {
  if (error instanceof AgentwireError) return error;
  const code = error !== undefined && 'code' in error ? error.code : undefined;
  if (code === 'ERR_HTTP2_ERROR')
    return new AgentwireError('ERR_PROTOCOL', `the upstream broke the rules of HTTP/2: ${error?.message}`, {
      cause: error,
    });
  return withCode('the connection was lost', code === 'ECONNRESET' ? code : CONNECTION_ENDED);
}

/** Returns the error for a WebSocket to an upstream that has none. */
export function noTunnels(): AgentwireError {
  return new AgentwireError(
    'ERR_UNSUPPORTED',
    'the upstream takes no WebSockets over HTTP/2 (its SETTINGS have no ENABLE_CONNECT_PROTOCOL); they need an upstream with protocol: http1',
  );
}
