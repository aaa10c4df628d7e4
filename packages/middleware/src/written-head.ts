import { type OutgoingHttpHeader, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import { nodeError } from './node-errors.ts';
import type { NodeResponse } from './node-messages.ts';

/** Head of a response as an application wrote it, beside its headers. */
export interface WrittenHead {
  readonly status: number;
  /** Reason of HTTP/1.1; empty in HTTP/2. */
  readonly reason: string;
  /** `false` where no body follows such a head. */
  readonly hasBody: boolean;
}

const FORBIDDEN_IN_REASON = /[^\t\u0020-\u007E\u0080-\u00FF]/u;

/** Sets what the arguments of `writeHead` have, and sends nothing. @throws Error what `writeHead` of node throws */
export function writtenHead(
  response: NodeResponse,
  [code, second, third]: readonly unknown[],
  method: string,
): WrittenHead {
  const isHttp1 = response.req.httpVersionMajor < 2;
  const status = Math.trunc(Number(code));
  if (isHttp1 && !(status >= 100 && status <= 999))
    throw nodeError('ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${String(code)}`, RangeError);
  // node:http2 warns of reasons, and checks the status itself
  if (typeof second === 'string') response.statusMessage = second;
  else if (isHttp1) response.statusMessage ||= STATUS_CODES[status] ?? 'unknown';
  response.statusCode = status;
  setGiven(response, typeof second === 'string' ? third : (third ?? second));
  const hasBody = method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
  if (!isHttp1) return { status, reason: '', hasBody };
  const reason = response.statusMessage;
  if (FORBIDDEN_IN_REASON.test(reason))
    throw nodeError('ERR_INVALID_CHAR', 'Invalid character in statusMessage', TypeError);
  if (response.hasHeader('trailer') && !isChunked(response, hasBody))
    throw nodeError('ERR_HTTP_TRAILER_INVALID', 'Trailers are invalid with this transfer encoding');
  return { status, reason, hasBody };
}

function isChunked(response: NodeResponse, hasBody: boolean): boolean {
  if (response.hasHeader('transfer-encoding')) return true;
  return hasBody && response.useChunkedEncodingByDefault && !response.hasHeader('content-length');
}

function setGiven(response: NodeResponse, given: unknown): void {
  if (Array.isArray(given)) setLines(response, Array.isArray(given[0]) ? given.flat() : given);
  else if (typeof given === 'object' && given !== null)
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders))
      if (name !== '') response.setHeader(name, value as OutgoingHttpHeader);
}

function setLines(response: NodeResponse, flat: readonly unknown[]): void {
  if (flat.length % 2 !== 0)
    throw nodeError('ERR_INVALID_ARG_VALUE', "The argument 'headers' is invalid: a name has no value", TypeError);
  const names = new Set<string>();
  for (let at = 0; at < flat.length; at += 2) {
    const [name, value] = [flat[at], flat[at + 1]] as [string, string];
    const key = typeof name === 'string' ? name.toLowerCase() : name;
    if (names.has(key)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    names.add(key);
  }
}

/**
 * Checks a body against the `content-length` of its head, where the application asks for that by `strictContentLength`.
 *
 * @param head `undefined` where it is not written yet
 * @throws Error `ERR_HTTP_CONTENT_LENGTH_MISMATCH`
 */
export function checkDeclaredLength(
  response: NodeResponse,
  head: WrittenHead | undefined,
  bytes: number,
  ended: boolean,
): void {
  if (!response.strictContentLength || head?.hasBody !== true || response.hasHeader('transfer-encoding')) return;
  const length = response.getHeader('content-length');
  if (length === undefined || bytes === Number(length) || (!ended && bytes < Number(length))) return;
  const message = `Response body's content-length of ${bytes} byte(s) does not match the content-length of ${String(length)} byte(s) set in header`;
  throw nodeError('ERR_HTTP_CONTENT_LENGTH_MISMATCH', message);
}
