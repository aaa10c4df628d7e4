import { AgentwireError } from '@agentwire/core';
import { isValidHeaderName } from '@agentwire/headers';

/** Whether `uri` could stand in a request line: no space, no control character. */
function isUri(uri: string): boolean {
  for (let i = 0; i < uri.length; i++) {
    const code = uri.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** Throws `ERR_PROTOCOL` unless `method` is an HTTP token. */
export function checkMethod(method: string): void {
  if (!isValidHeaderName(method)) throw new AgentwireError('ERR_PROTOCOL', 'request_headers.method is no HTTP token');
}

/** Throws `ERR_PROTOCOL` unless {@link isUri}. */
export function checkUri(uri: string): void {
  if (!isUri(uri)) throw new AgentwireError('ERR_PROTOCOL', 'request_headers.uri holds a space or a control character');
}
