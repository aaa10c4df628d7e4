import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import type { LowerResponse } from './lower-response.ts';
import type { NodeResponse } from './node-messages.ts';

/** Returns the headers that were set on a response. */
export function headersOf(response: NodeResponse): string[] {
  return linesOf(response.getHeaders());
}

/** Sets these headers and no others; those that have their values already stay as they are written. */
export function setHeaders(response: NodeResponse, lower: LowerResponse, headers: HeaderList): void {
  const values = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase();
    const before = values.get(name);
    if (before === undefined) values.set(name, [headers[at + 1] as string]);
    else before.push(headers[at + 1] as string);
  }
  for (const name of response.getHeaderNames()) if (!values.has(name.toLowerCase())) lower.removeHeader(name);
  for (const [name, lines] of values)
    if (!isSame(lines, response.getHeader(name)))
      lower.setHeader(name, lines.length === 1 ? (lines[0] as string) : lines);
}

function isSame(lines: readonly string[], value: OutgoingHttpHeader | undefined): boolean {
  if (!Array.isArray(value)) return lines.length === 1 && lines[0] === String(value);
  return lines.length === value.length && lines.every((line, at) => line === value[at]);
}

/** Returns headers or trailers in any form that node:http takes as a list of lines. */
export function linesOf(headers: OutgoingHttpHeaders | readonly (readonly [string, string])[]): string[] {
  const pairs = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers);
  return pairs.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  );
}
