import type { OutgoingHttpHeaders } from 'node:http2';
import { addHttp2Headers } from '../../http2/http2-headers.ts';
import type { DispatchRequest } from '../upstream-messages.ts';

/** Returns the header block of a request; for a WebSocket that of an extended CONNECT (RFC 8441 §4). */
export function headOf(request: DispatchRequest, scheme: string): OutgoingHttpHeaders {
  const { method, path, headers, acceptsTrailers, upgrade } = request;
  const lines = addHttp2Headers(headers, { ':method': method, ':scheme': scheme, ':path': path });
  const { host, ...rest } = lines;
  if (host !== undefined) rest[':authority'] = host;
  if (upgrade !== undefined) {
    const { 'sec-websocket-key': _key, ...others } = rest;
    return { ...others, ':method': 'CONNECT', ':protocol': upgrade };
  }
  // some gRPC servers refuse a request without it
  if (acceptsTrailers === true) rest['te'] = 'trailers';
  return rest;
}
