import { AgentwireError } from '../errors.ts';

/** Parsed address. */
export interface Endpoint {
  /** `unix`, `grpc`, `grpcs`, `grpc+unix`, `tcp`, `tls`, `memory`, or a third party's own. */
  readonly scheme: string;
  /** Canonical text of the address; parses to the same endpoint. */
  readonly address: string;
  /** Part after the scheme: a path, a name, or `HOST:PORT`. */
  readonly target: string;
  /** Host without brackets, if there is one. */
  readonly host?: string;
  /** Port, 0 to 65 535, if there is one. */
  readonly port?: number;
  /** Path of the socket file, for `unix` and `grpc+unix`. */
  readonly path?: string;
}

/** Longest path of a Unix socket that the system takes, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;

const FORMS =
  'unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT, grpc+unix:PATH, tcp://HOST:PORT, tls://HOST:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH, or memory:NAME within one process';
const ALIASES: Readonly<Record<string, string>> = { http: 'grpc', https: 'grpcs' };
/** Schemes whose rest may be a number, so that `memory:2` is not taken for a host and a port. */
const NAMED = new Set(['memory', 'unix', 'grpc+unix']);
const SOCKET_FILES = new Set(['unix', 'grpc+unix']);
const WITH_HOST = new Set(['grpc', 'grpcs', 'tcp', 'tls']);
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

function invalid(text: string, why: string): AgentwireError {
  return new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `${JSON.stringify(text.slice(0, 200))} is not an endpoint: ${why}; use ${FORMS}`,
  );
}

function parseHostPort(text: string, target: string, defaultPort?: number): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/?#@\s]+))(?::(\d{1,5}))?\/?$/.exec(target);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (match === null || port === undefined) throw invalid(text, 'HOST:PORT expected');
  if (port > 65_535) throw invalid(text, `the port ${port} is too large, the largest is 65535`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function socketFile(text: string, scheme: string, rest: string): Endpoint {
  // unix:///run/a.sock is the same as unix:/run/a.sock
  const path = rest.replace(/^\/{3,}/, '/');
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES)
    throw invalid(text, `the path of a Unix socket may have ${MAX_SOCKET_PATH_BYTES} bytes, it has ${bytes}`);
  return { scheme, address: `${scheme}:${path}`, target: path, path };
}

function withHost(text: string, scheme: string, target: string, defaultPort?: number): Endpoint {
  const { host, port } = parseHostPort(text, target, defaultPort);
  const hostPort = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { scheme, address: `${scheme}://${hostPort}`, target: hostPort, host, port };
}

/**
 * Takes an endpoint apart; the one grammar that pool, agent, gateway and command line share.
 *
 * `unix:PATH` (also any word with a `/`), `grpc://HOST:PORT` (also `HOST:PORT` and `http://`), `grpcs://HOST:PORT` (also
 * `https://`), `grpc+unix:PATH`, `tcp://`, `tls://`, `memory:NAME`, and `SCHEME:REST` for a transport of a third party.
 *
 * @throws AgentwireError `ERR_INVALID_ADDRESS`, listing the forms.
 */
export function parseEndpoint(text: string): Endpoint {
  if (text === undefined) throw new AgentwireError('ERR_INVALID_ADDRESS', `the endpoint is missing; use ${FORMS}`);
  if (typeof text !== 'string') throw invalid(String(text), `it is ${typeof text} and no text`);
  if (text === '' || text.includes('\0')) throw invalid(text, 'it is empty or holds a NUL');
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s.exec(text);
  const word = match?.[1]?.toLowerCase();
  const rest = match?.[2] ?? '';
  if (word === undefined || (/^\d{1,5}$/.test(rest) && !WITH_HOST.has(word) && !NAMED.has(word))) {
    if (match === null && text.includes('/')) return socketFile(text, 'unix', text);
    return withHost(text, 'grpc', text);
  }
  const scheme = ALIASES[word] ?? word;
  if (WITH_HOST.has(scheme)) {
    if (!rest.startsWith('//')) throw invalid(text, `${word}://HOST:PORT expected`);
    return withHost(text, scheme, rest.slice(2), DEFAULT_PORTS[word]);
  }
  if (rest === '') throw invalid(text, 'nothing stands behind the colon');
  return SOCKET_FILES.has(scheme)
    ? socketFile(text, scheme, rest)
    : { scheme, address: `${scheme}:${rest}`, target: rest };
}
