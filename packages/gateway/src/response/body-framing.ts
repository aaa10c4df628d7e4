import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';

const TRANSFER_ENCODING = 'transfer-encoding';

/** Returns whether a response has no body, whatever its headers are (RFC 9110 §6.4.1). */
export function isBodiless(method: string | undefined, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

/** Returns whether a body may follow the head. */
export function mayHaveBody(method: string | undefined, status: number, headers: HeaderList): boolean {
  return !isBodiless(method, status) && Number(new HeaderMap(headers).get('content-length') ?? Infinity) !== 0;
}

/**
 * Returns whether the body has any transfer coding but one `chunked`. Any other would have to be decoded here, and where the
 * last one is not `chunked`, the end of the body cannot be told from a lost connection (RFC 9112 §6.3).
 */
export function hasUnknownCoding(headers: HeaderList): boolean {
  let codings = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string;
    if (name.length !== TRANSFER_ENCODING.length || name.toLowerCase() !== TRANSFER_ENCODING) continue;
    codings += 1;
    if (codings > 1 || headers[at + 1]?.trim().toLowerCase() !== 'chunked') return true;
  }
  return false;
}
