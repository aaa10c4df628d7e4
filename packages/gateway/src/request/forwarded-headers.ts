import type { IncomingMessage } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';
import { clientAddress, isTls } from './request-head.ts';

/** Whether a header tells who asks, so that only a proxy may set it. */
function tellsWho(name: string): boolean {
  // the length first: most names are none of these, and lower-casing costs
  if (name.length !== 9 && name.length < 14) return false;
  const lower = name.toLowerCase().replaceAll('_', '-');
  return lower === 'forwarded' || lower === 'x-real-ip' || lower.startsWith('x-forwarded-');
}

/** `Expect` was for this proxy, which has answered it. */
const isExpect = (name: string): boolean => name.length === 6 && name.toLowerCase() === 'expect';

function without(list: HeaderList, goes: (name: string) => boolean): HeaderList {
  let out: string[] | undefined;
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at] as string;
    if (goes(name)) out ??= list.slice(0, at);
    else out?.push(name, list[at + 1] as string);
  }
  return out ?? list;
}

/** What the upstream gets: without this hop's headers, and with the client's address as this proxy saw it. */
export function forwardedHeaders(headers: HeaderList, request: IncomingMessage, trustForwarded: boolean): HeaderMap {
  const stripped = stripHopByHop(headers);
  const map = new HeaderMap(without(stripped, (name) => isExpect(name) || (!trustForwarded && tellsWho(name))));
  const address = clientAddress(request) ?? 'unknown';
  const earlier = trustForwarded ? map.get('x-forwarded-for') : undefined;
  map.setTrusted('x-forwarded-for', earlier === undefined ? address : `${earlier}, ${address}`);
  if (!map.has('x-forwarded-proto')) map.setTrusted('x-forwarded-proto', isTls(request.socket) ? 'https' : 'http');
  const host = map.get('host');
  if (host !== undefined && !map.has('x-forwarded-host')) map.setTrusted('x-forwarded-host', host);
  return map;
}
