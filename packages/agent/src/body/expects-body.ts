import type { RequestHeaders, ResponseHeaders } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';

const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'DELETE']);

function framing(headers: HeaderMap): boolean | undefined {
  const length = headers.get('content-length');
  if (length !== undefined) return length.trim() !== '0';
  return headers.has('transfer-encoding') ? true : undefined;
}

/**
 * Whether a body may follow a request's head. Where the proxy does not say, HTTP's own rules decide; where they leave it
 * open too (HTTP/2 needs no length), there may be one.
 *
 * @param waits whether the proxy waits for the decision on a body when more is asked for; one that does not would send a
 * request without a body on, undecided, so there the method decides what stays open
 */
export function requestHasBody(event: RequestHeaders, headers: HeaderMap, waits: boolean): boolean {
  const known = event.hasBody ?? framing(headers);
  if (known !== undefined) return known;
  if (event.metadata.protocol.startsWith('HTTP/1')) return false;
  return waits || !WITHOUT_BODY.has(event.method);
}

/** Whether a body may follow a response's head; `method` is the request's, where it is known. */
export function responseHasBody(event: ResponseHeaders, headers: HeaderMap, method?: string): boolean {
  if (event.hasBody !== undefined) return event.hasBody;
  if (event.status < 200 || event.status === 204 || event.status === 304 || method === 'HEAD') return false;
  return framing(headers) ?? true;
}
