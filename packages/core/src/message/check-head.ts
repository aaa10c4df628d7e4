import { AgentwireError } from '../errors.ts';
import type { RequestHeaders, ResponseHeaders } from './events.ts';
import { fault } from './decision-fault.ts';
import { isValidHeaderName, isValidHeaderValue } from './header-syntax.ts';

/** Limit of header lines of one head, as in every codec. */
const MAX_HEADER_LINES = 1000;

function isUri(uri: string): boolean {
  for (let i = 0; i < uri.length; i++) {
    const code = uri.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/**
 * Checks what only the receiver of a head checks, because it takes 100 ns of each request (a loop of 10 million): for a caller whose head was
 * refused.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function checkRequestLine({ method, uri }: Pick<RequestHeaders, 'method' | 'uri'>): void {
  if (!isValidHeaderName(method)) throw fault('method', 'must be an HTTP token');
  if (!isUri(uri)) throw fault('uri', 'must have no space and no control character: it is sent with its escapes');
}

/** Returns the fault that a decoder finds in a head, with the same message and code; `undefined` for a valid one. */
export function faultOfHead(head: RequestHeaders | ResponseHeaders): AgentwireError | undefined {
  const wrong = (what: string): AgentwireError =>
    new AgentwireError('ERR_PROTOCOL', `${head.type} cannot be delivered: ${what}`);
  if (head.type === 'requestHeaders') {
    if (!isValidHeaderName(head.method)) return wrong('the method is no HTTP token');
    if (!isUri(head.uri)) return wrong('the uri holds a space or a control character');
  } else if (!(head.status >= 100 && head.status <= 999)) return wrong('the status is not from 100 to 999');
  const { headers } = head;
  if (headers.length > 2 * MAX_HEADER_LINES) {
    const count = headers.length / 2;
    const what = `${head.type} has ${count} header lines, the limit is ${MAX_HEADER_LINES}`;
    return new AgentwireError('ERR_MESSAGE_TOO_LARGE', what);
  }
  for (let i = 0; i < headers.length; i += 2) {
    if (!isValidHeaderName(headers[i])) return wrong(`headers[${i}] is no HTTP token`);
    if (!isValidHeaderValue(headers[i + 1])) return wrong(`headers[${i + 1}] is no text that a header can carry`);
  }
  return undefined;
}
