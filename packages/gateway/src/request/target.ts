import type { IncomingMessage } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import { BadRequest } from '../response/refusal.ts';

/** What a request asks for, as agents and upstream see it. */
export interface RequestTarget {
  /** Path and query, or `*`. */
  readonly path: string;
  readonly headers: HeaderList;
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)/i;

/** `GET http://host/path` asks for `/path` of that host, whatever its `Host` says (RFC 9112 §3.2.2). */
function fromAbsolute(url: string, headers: HeaderList): RequestTarget {
  const match = ABSOLUTE.exec(url);
  const [, authority = '', rest = ''] = match ?? [];
  if (authority === '' || authority.includes('@')) throw new BadRequest(400, 'the request target is not one');
  return {
    path: rest.startsWith('/') ? rest : `/${rest}`,
    headers: new HeaderMap(headers).set('host', authority).toRaw(),
  };
}

function hasTwoHosts(headers: HeaderList): boolean {
  let hosts = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}

/** A body whose end two readers could see at two places, or whose coding nobody would undo. */
function checkFraming(request: IncomingMessage): void {
  const coding = request.headers['transfer-encoding'];
  if (coding === undefined) return;
  if (request.httpVersionMinor === 0) throw new BadRequest(400, 'HTTP/1.0 has no transfer-encoding');
  if (coding.trim().toLowerCase() !== 'chunked')
    throw new BadRequest(501, 'only chunked transfer-encoding is understood');
}

/** Checks what Node leaves to its users. @throws BadRequest */
export function targetOf(request: IncomingMessage): RequestTarget {
  const { url = '/', method, rawHeaders: headers } = request;
  checkFraming(request);
  if (hasTwoHosts(headers)) throw new BadRequest(400, 'two Host headers');
  const { upgrade } = request.headers;
  // other protocols may be offered and ignored (RFC 9110 §7.8), a WebSocket client cannot go on without
  if (upgrade !== undefined && /\bwebsocket\b/i.test(upgrade)) throw new BadRequest(501, 'WebSockets are not proxied');
  if (url.startsWith('/') || (url === '*' && method === 'OPTIONS')) return { path: url, headers };
  return fromAbsolute(url, headers);
}
