import type { IncomingMessage } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';
import { clientAddress, isTls } from './request-head.ts';
import type { RequestTarget } from './target.ts';

/** Whether a header tells who asks, so that only a proxy may set it. */
function tellsWho(name: string): boolean {
  // the length first: most names are none of these, and lower-casing costs
  if (name.length !== 9 && name.length < 13) return false;
  const lower = name.toLowerCase().replaceAll('_', '-');
  return lower === 'forwarded' || lower === 'x-real-ip' || lower.startsWith('x-forwarded-');
}

/** `Expect` was for this proxy, which has answered it. */
const isExpect = (name: string): boolean => name.length === 6 && name.toLowerCase() === 'expect';

function has(list: HeaderList, name: string, value: string): boolean {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name && list[at + 1] === value) return true;
  return false;
}

/** Without `Expect`, and without what the client said about who asks; what an agent said stays. */
function cleaned(list: HeaderList, target: RequestTarget, trustForwarded: boolean): HeaderList {
  let out: string[] | undefined;
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at] as string;
    const value = list[at + 1] as string;
    const goes = isExpect(name) || (!trustForwarded && tellsWho(name) && has(target.headers, name, value));
    if (goes) out ??= list.slice(0, at);
    else out?.push(name, value);
  }
  return out ?? list;
}

/**
 * What the upstream gets: without this hop's headers, and with the client's address as this proxy saw it.
 *
 * @param headers as the agents have changed them
 * @param target as the client sent it
 */
export function forwardedHeaders(
  headers: HeaderList,
  target: RequestTarget,
  request: IncomingMessage,
  trustForwarded: boolean,
): HeaderMap {
  const map = new HeaderMap(cleaned(stripHopByHop(headers), target, trustForwarded));
  const address = clientAddress(request) ?? 'unknown';
  const earlier = trustForwarded ? map.get('x-forwarded-for') : undefined;
  map.setTrusted('x-forwarded-for', earlier === undefined ? address : `${earlier}, ${address}`);
  if (!trustForwarded || !map.has('x-forwarded-proto'))
    map.setTrusted('x-forwarded-proto', isTls(request.socket) ? 'https' : 'http');
  const host = new HeaderMap(target.headers).get('host');
  if (host !== undefined && (!trustForwarded || !map.has('x-forwarded-host'))) map.setTrusted('x-forwarded-host', host);
  return map;
}
