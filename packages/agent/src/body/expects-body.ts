import type { RequestHeaders, ResponseHeaders } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';

const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'DELETE']);

function framing(headers: HeaderMap): boolean | undefined {
  const length = headers.get('content-length');
  if (length !== undefined) return length.trim() !== '0';
  return headers.has('transfer-encoding') ? true : undefined;
}

/**
 * Whether a body follows a request's head. The zentinel dialect does not say, so there HTTP's own rules decide; where
 * they leave it open (HTTP/2 needs no length) methods that usually have a body are expected to.
 */
export function requestHasBody(event: RequestHeaders, headers: HeaderMap, dialect: string): boolean {
  if (dialect === 'documented' || event.hasBody) return event.hasBody;
  const framed = framing(headers);
  if (framed !== undefined) return framed;
  return !event.metadata.protocol.startsWith('HTTP/1') && !WITHOUT_BODY.has(event.method);
}

/** Whether a body follows a response's head; `method` is the request's, where it is known. */
export function responseHasBody(event: ResponseHeaders, headers: HeaderMap, dialect: string, method?: string): boolean {
  if (dialect === 'documented' || event.hasBody) return event.hasBody;
  if (event.status < 200 || event.status === 204 || event.status === 304 || method === 'HEAD') return false;
  return framing(headers) ?? true;
}
