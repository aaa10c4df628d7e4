import { AgentwireError } from '@agentwire/core';

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

/** Returns the name of a code of RST_STREAM. */
export function resetName(code: number): string {
  return CODES[code] ?? `code ${code}`;
}

/** Returns the error for a WebSocket to an upstream that has none. */
export function noTunnels(): AgentwireError {
  return new AgentwireError(
    'ERR_UNSUPPORTED',
    'the upstream takes no WebSockets over HTTP/2 (its SETTINGS have no ENABLE_CONNECT_PROTOCOL); they need an upstream with protocol: http1',
  );
}
