import { isIPv6 } from 'node:net';
import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import type { ClientRequest } from '../client-messages.ts';
import { Http2Request } from '../http2/http2-request.ts';
import { BadRequest } from '../response/refusal.ts';
import { checkHandshake } from '../websocket/upgrade-request.ts';

/** Target of a request, as agents and upstream see it. */
export interface RequestTarget {
  /** Path and query, or `*`. */
  readonly path: string;
  /** Requested host, with its port where one was given; `undefined` for HTTP/1.0 without `Host`. */
  readonly host: string | undefined;
  /** Lines of the client, with `Host` as in {@link host}. */
  readonly headers: HeaderList;
}

/** Options of {@link targetOf}. */
export interface TargetOptions {
  readonly allowTrace: boolean;
  readonly maxHeaders: number;
  readonly maxHeadBytes: number;
  readonly maxRequestLineBytes: number;
}

const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})+)(?::(\d{0,5}))?$/;

/** Returns whether a `Host` value or an authority is `uri-host [":" port]` (RFC 9110 §7.2), not empty and without user. */
function isHost(text: string): boolean {
  const match = HOST.exec(text);
  if (match === null) return false;
  const [, v6, port = ''] = match;
  return (v6 === undefined || isIPv6(v6)) && Number(port) <= 65_535;
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)/i;
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Last host that was valid. */
let lastHost: string | undefined;

/** Returns the only `Host`. @throws BadRequest */
function hostOf({ rawHeaders, httpVersionMajor: major, httpVersionMinor: minor }: ClientRequest): string | undefined {
  let host: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) throw new BadRequest(400, 'two Host headers');
    host = rawHeaders[at + 1] ?? '';
  }
  if (host === undefined && (minor > 0 || major > 1)) throw new BadRequest(400, 'a Host header is missing');
  // most requests have the host of the one before
  if (host === undefined || host === lastHost) return host;
  if (!isHost(host)) throw new BadRequest(400, 'the Host header is not HOST[:PORT]');
  lastHost = host;
  return host;
}

/** Parses `GET http://host/path`, which requests `/path` of that host, whatever its `Host` is (RFC 9112 §3.2.2). */
function fromAbsolute(url: string, headers: HeaderList): RequestTarget {
  const [, host = '', rest = ''] = ABSOLUTE.exec(url) ?? [];
  if (!isHost(host)) throw new BadRequest(400, 'the request target is neither a path nor http://HOST/PATH');
  return {
    path: rest.startsWith('/') ? rest : `/${rest}`,
    host,
    headers: new HeaderMap(headers).set('host', host).toRaw(),
  };
}

/** Refuses other versions than HTTP/1.0 and 1.1, and 2 on its streams: Node's parser accepts 0.9 and 2.0 too. */
function checkVersion(request: ClientRequest): void {
  const { httpVersionMajor: major, httpVersionMinor: minor } = request;
  if (request instanceof Http2Request) return;
  if (major !== 1 || minor > 1) throw new BadRequest(505, 'HTTP/1.0 and HTTP/1.1 only');
}

/** Refuses a body whose end is ambiguous, or whose coding is not decoded. */
function checkFraming({ headers, httpVersionMinor }: ClientRequest): void {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (length !== undefined && !Number.isSafeInteger(Number(length)))
    throw new BadRequest(400, `content-length is past ${Number.MAX_SAFE_INTEGER}`);
  if (coding === undefined) return;
  if (httpVersionMinor === 0) throw new BadRequest(400, 'HTTP/1.0 has no transfer-encoding');
  if (coding.trim().toLowerCase() !== 'chunked')
    throw new BadRequest(501, 'only chunked transfer-encoding is understood');
}

/** Refuses an expectation that this proxy does not meet (RFC 9110 §10.1.1), which HTTP/1.0 has not. */
function checkExpectation({ headers, httpVersionMajor: major, httpVersionMinor: minor }: ClientRequest): void {
  const { expect } = headers;
  if (expect === undefined || (major === 1 && minor === 0)) return;
  if (expect.trim().toLowerCase() !== '100-continue') throw new BadRequest(417, 'only 100-continue can be expected');
}

/** Bytes of a request line besides method and target: two spaces and `HTTP/1.1`. */
const LINE_BYTES = 10;

/** Refuses a head with a line that is too long, or with too many lines; the parser checks its whole length. */
function checkSize(request: ClientRequest, options: TargetOptions): void {
  const { url = '', method = '', rawHeaders } = request;
  const { maxHeaders, maxHeadBytes, maxRequestLineBytes } = options;
  if (url.length + method.length + LINE_BYTES > maxRequestLineBytes)
    throw new BadRequest(414, `the request line is longer than ${maxRequestLineBytes} bytes`);
  // node:http2 has its limit only once the client has taken the settings
  if (request instanceof Http2Request && request.headBytes > maxHeadBytes)
    throw new BadRequest(431, `a head longer than ${maxHeadBytes} bytes`);
  if (rawHeaders.length > 2 * maxHeaders) throw new BadRequest(431, `more than ${maxHeaders} header lines`);
}

/** Checks what Node does not, and returns the target of the request. @throws BadRequest */
export function targetOf(request: ClientRequest, options: TargetOptions): RequestTarget {
  const { url = '/', method, rawHeaders: headers } = request;
  checkVersion(request);
  checkSize(request, options);
  checkFraming(request);
  checkExpectation(request);
  if (request instanceof Http2Request && !/^https?$/.test(request.scheme ?? ''))
    throw new BadRequest(400, ':scheme is neither http nor https');
  const host = hostOf(request);
  // its answer echoes the request's headers, cookies among them, where scripts of the browser can read them
  if (method === 'TRACE' && !options.allowTrace) throw new BadRequest(405, 'TRACE is not allowed', ['allow', METHODS]);
  const { upgrade } = request.headers;
  if (request.upgrade === true) checkHandshake(request);
  // other protocols may be ignored (RFC 9110 §7.8), a WebSocket client needs its own
  else if (upgrade !== undefined && /\bwebsocket\b/i.test(upgrade))
    throw new BadRequest(501, 'no WebSocket can be had in this way');
  // some parsers cut it off, others take it for a part of the path
  if (url.includes('#')) throw new BadRequest(400, 'the request target has a fragment');
  if (url.startsWith('/') || (url === '*' && method === 'OPTIONS')) return { path: url, host, headers };
  // an absolute form would name a host beside :authority
  if (request instanceof Http2Request) throw new BadRequest(400, ':path is not a path');
  return fromAbsolute(url, headers);
}

/** Longest path in a log line, in characters. */
const LOGGED_CHARACTERS = 200;

/** Removes user and password, which precede a host: a path has none. */
function withoutUser(text: string): string {
  if (text.startsWith('/')) return text;
  const [, scheme = '', authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/]*)(.*)$/is.exec(text) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  // in a target that is refused, a password may contain slashes
  return isHost(host) || !rest.includes('@') ? scheme + host + rest : `${scheme}…`;
}

/** Values of path parameters: `abc` of `/a;jsessionid=abc/b`. */
const PARAMETER_VALUES = /(;[^/;=]*=)[^/;]+/g;

/**
 * Returns a target for a log line: short, without user and password, and without its query and the values of its path
 * parameters, which may be tokens, unless `withQuery`.
 */
export function loggedPath(url = '', withQuery = false, maxCharacters: number = LOGGED_CHARACTERS): string {
  const query = /[?#]/.exec(url)?.index ?? url.length;
  const path = withoutUser(url.slice(0, query));
  const text = withQuery ? path + url.slice(query) : path.includes(';') ? path.replace(PARAMETER_VALUES, '$1…') : path;
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}
