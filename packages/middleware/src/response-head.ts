import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import type { NodeResponse } from './node-messages.ts';

/** Returns the headers that were set on a response. */
export function headersOf(response: NodeResponse): string[] {
  return linesOf(response.getHeaders());
}

/** Sets these headers and no others. */
export function setHeaders(response: NodeResponse, headers: HeaderList): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const values = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase();
    values.set(name, [...(values.get(name) ?? []), headers[at + 1] as string]);
  }
  for (const [name, lines] of values) response.setHeader(name, lines.length === 1 ? (lines[0] as string) : lines);
}

/** Returns headers or trailers in any form that node:http takes as a list of lines. */
export function linesOf(headers: OutgoingHttpHeaders | readonly (readonly [string, string])[]): string[] {
  const pairs = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers);
  return pairs.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  );
}

/** Sets what the arguments of `writeHead` have, and sends nothing. */
export function noteHead(response: NodeResponse, [status, second, third]: readonly unknown[]): void {
  response.statusCode = Number(status);
  if (typeof second === 'string') response.statusMessage = second;
  const headers = (typeof second === 'string' ? third : second) as
    OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;
  if (Array.isArray(headers)) setLines(response, headers);
  else
    for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) response.setHeader(name, value);
}

function setLines(response: NodeResponse, lines: readonly unknown[]): void {
  const flat = lines.flat() as string[];
  const names = new Set<string>();
  for (let at = 0; at < flat.length; at += 2) {
    const name = String(flat[at]).toLowerCase();
    if (names.has(name)) response.appendHeader(name, flat[at + 1] as string);
    else response.setHeader(name, flat[at + 1] as string);
    names.add(name);
  }
}
