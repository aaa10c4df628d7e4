import { isIP } from 'node:net';
import type { HeaderList } from '@agentwire/core';
import { normalAddress } from './address-list.ts';

/** One hop of a request, or its client. */
export interface Hop {
  /** IP address; `undefined` where there is none, as on a Unix socket. */
  readonly address: string | undefined;
  /** 0 where it is unknown. */
  readonly port: number;
}

/** Most hops that are followed, from the last one on. */
const MAX_HOPS = 64;

/** Returns the values of a header, the last line first. */
function linesOf(headers: HeaderList, wanted: string): string[] {
  const values: string[] = [];
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    const name = headers[at] as string;
    if (name.length === wanted.length && name.toLowerCase() === wanted) values.push(headers[at + 1] as string);
  }
  return values;
}

/** Yields the entries of `x-forwarded-for`, the last one first; empty ones are none. */
function* fromList(lines: readonly string[]): Generator<string, void, undefined> {
  for (const line of lines) {
    for (let end = line.length; end >= 0;) {
      const comma = end === 0 ? -1 : line.lastIndexOf(',', end - 1);
      const entry = line.slice(comma + 1, end).trim();
      if (entry !== '') yield entry;
      end = comma;
    }
  }
}

const PAIR = /[\t ]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?[\t ]*([,;]|$)/gy;

/**
 * Returns the `for` of each element of a `Forwarded` line (RFC 7239), the last one first; empty where an element has none.
 * `undefined` for a line that is malformed.
 */
function elementsOf(line: string): string[] | undefined {
  const found: string[] = [];
  let current = '';
  let isEmpty = true;
  PAIR.lastIndex = 0;
  for (let at = 0; at <= line.length; at = PAIR.lastIndex) {
    const match = PAIR.exec(line);
    if (match === null) return undefined;
    const [whole, name, quoted, plain = '', end] = match;
    if (name !== undefined) isEmpty = false;
    if (name?.toLowerCase() === 'for') current = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain;
    if (end !== ';') {
      if (!isEmpty) found.push(current);
      current = '';
      isEmpty = true;
    }
    if (end === '' || whole === '') break;
  }
  return found.toReversed();
}

/** Yields the clients that `Forwarded` names, the last one first. */
function* fromElements(lines: readonly string[]): Generator<string, void, undefined> {
  for (const line of lines) yield* elementsOf(line) ?? [''];
}

const WITH_PORT = /^(?:\[([^\]]{2,64})\]|(\d+\.\d+\.\d+\.\d+))(?::(\d{1,5}))?$/;

/** Reads an entry: an address, with a port or without; `undefined` for `unknown`, a hidden name (`_x`) and anything else. */
export function hopOf(text: string): Hop | undefined {
  if (text.length > 64) return undefined;
  if (isIP(text) !== 0) return { address: normalAddress(text), port: 0 };
  const [, v6, v4, port = '0'] = WITH_PORT.exec(text) ?? [];
  const address = v6 ?? v4 ?? '';
  if (isIP(address) !== (v6 === undefined ? 4 : 6) || Number(port) > 65_535) return undefined;
  return { address: normalAddress(address), port: Number(port) };
}

/**
 * Returns the client that trusted proxies name: the last address in `x-forwarded-for`, or else in `forwarded`, that is not a
 * trusted proxy's. An entry without an address ends the chain there: the client is the last proxy before it.
 *
 * @param peer trusted proxy that has sent the request
 * @param trusts tells whether an address is a proxy whose entries count
 */
export function forwardedClient(headers: HeaderList, peer: Hop, trusts: (address: string | undefined) => boolean): Hop {
  const lists = linesOf(headers, 'x-forwarded-for');
  const entries = lists.length > 0 ? fromList(lists) : fromElements(linesOf(headers, 'forwarded'));
  let client = peer;
  let hops = 0;
  for (const entry of entries) {
    const hop = hopOf(entry);
    hops += 1;
    if (hop === undefined || hops > MAX_HOPS) break;
    client = hop;
    if (!trusts(hop.address)) break;
  }
  return client;
}
