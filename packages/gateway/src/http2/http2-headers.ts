import type { OutgoingHttpHeaders } from 'node:http2';
import type { HeaderList } from '@agentwire/core';
import { internHeaderName } from '@agentwire/headers';

/** Names that describe a connection, which HTTP/2 forbids in a header block (RFC 9113 §8.2.2). */
const CONNECTION_NAMES: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Names of which a head has one line; node:http2 refuses a second one. */
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/**
 * Adds a list of lines to the object that node:http2 takes; lines of one name stay in order, and of a name that has one line the
 * first is kept, as by node:http.
 */
export function addHttp2Headers(list: HeaderList, headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  for (let at = 0; at < list.length; at += 2) {
    const name = internHeaderName(list[at] as string);
    if (CONNECTION_NAMES.has(name) || name.startsWith(':')) continue;
    const value = list[at + 1] as string;
    // a name may be one of the prototype, such as `constructor`
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined) headers[name] = value;
    else if (SINGLE.has(name)) continue;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [String(before), value];
  }
  return headers;
}
