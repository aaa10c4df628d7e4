import type { HeaderList } from '@agentwire/core';
import { internHeaderName } from '@agentwire/headers';
import { http1Lines } from '@agentwire/pipeline/internal';
import type { NodeRequest } from './node-messages.ts';

/** Headers of which node:http keeps the first line, and drops the others. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/** Returns the lines of a request; those of HTTP/2 as HTTP/1.1 has them, without pseudo headers and with `host`. */
export function linesOf({ rawHeaders, headers, httpVersionMajor }: NodeRequest): string[] {
  if (httpVersionMajor < 2) return [...rawHeaders];
  const authority = headers[':authority'];
  return http1Lines(rawHeaders, typeof authority === 'string' ? authority : undefined);
}

function add(headers: NodeRequest['headers'], name: string, value: string): void {
  const before = headers[name];
  if (name === 'set-cookie') headers[name] = [...(headers['set-cookie'] ?? []), value];
  else if (before === undefined) headers[name] = value;
  else if (!SINGLE.has(name)) headers[name] = `${String(before)}${name === 'cookie' ? '; ' : ', '}${value}`;
}

/** Puts the lines that the agents passed in place of the client's, in every form that node:http has them. */
export function replaceHeaders(request: NodeRequest, lines: HeaderList): void {
  const { rawHeaders, headers } = request;
  const pseudo = rawHeaders.filter((_part, at) => rawHeaders[at - (at % 2)]?.startsWith(':') === true);
  rawHeaders.splice(0, rawHeaders.length, ...pseudo, ...lines);
  for (const name of Object.keys(headers)) if (!name.startsWith(':')) delete headers[name];
  for (let at = 0; at < lines.length; at += 2)
    add(headers, internHeaderName(lines[at] as string), lines[at + 1] as string);
  // node:http makes it anew from the lines
  if ('headersDistinct' in request) Object.assign(request, { headersDistinct: undefined });
}
