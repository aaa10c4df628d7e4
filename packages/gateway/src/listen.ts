import type { AddressInfo, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { AgentwireError } from '@agentwire/core';
import {
  checkInteger,
  checkKnownOptions,
  checkText,
  givenSocket,
  listenError,
  type ListenPlace,
  OPTION,
  type OptionTable,
  type Resolved,
  resolveOptions,
} from '@agentwire/core/internal';
import type { ProxyProtocolOptions } from './proxy-protocol/check-proxy-protocol.ts';
import type { CertificateFiles } from './http2/tls-certificates.ts';

/** Address of a server. */
export interface ListenAddress {
  /** Host name or IP address; default `127.0.0.1`. */
  readonly host?: string;
  /** Port, 0 to 65 535; default 0, which takes a free one. */
  readonly port?: number;
}

/** TLS of a listening address. */
export interface ListenTls {
  /** Certificates, selected by the name that a client asks for; the first one also for all other clients. */
  readonly certificates: readonly CertificateFiles[];
  /** File with the authorities of clients, PEM: clients need a certificate of one of them. Default none. */
  readonly clientCa?: string | undefined;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Offers HTTP/2 besides HTTP/1.1 (ALPN); default `true`. */
  readonly http2?: boolean | undefined;
  /** Time between two checks of the files, in milliseconds; default 10 000. Changed files are used for new connections. */
  readonly reloadIntervalMs?: number | undefined;
}

/** Options of `listen`. */
export interface ListenOptions extends ListenAddress {
  /** Serves HTTPS: HTTP/1.1 and HTTP/2 on one port. Default HTTP. */
  readonly tls?: ListenTls | undefined;
  /** Serves HTTP/2 besides HTTP/1.1 without TLS, to clients that begin with it (prior knowledge); default `false`. */
  readonly h2c?: boolean | undefined;
  /**
   * Takes the client's address from the PROXY protocol, version 1 or 2, which a load balancer in front must speak; default `false`. A
   * connection that does not begin with its header, before TLS where there is TLS, is cut. Name the load balancers with
   * `{ from: ['10.0.0.0/8'] }`: with `true` anybody who can connect may claim any address.
   */
  readonly proxyProtocol?: boolean | ProxyProtocolOptions | undefined;
}

/** {@link ListenTls} with its defaults. */
export type ResolvedListenTls = Resolved<Omit<ListenTls, 'clientCa'>> & Pick<ListenTls, 'clientCa'>;

/** Rows of {@link ListenTls}. */
export const LISTEN_TLS: OptionTable<ListenTls> = {
  certificates: OPTION.listOf(
    OPTION.nested<CertificateFiles>({ cert: OPTION.text, key: OPTION.text }, ['cert', 'key']),
  ),
  clientCa: OPTION.text,
  minVersion: { check: OPTION.oneOf('TLSv1.2', 'TLSv1.3'), default: 'TLSv1.2' },
  http2: { check: OPTION.boolean, default: true },
  reloadIntervalMs: { check: OPTION.integer(100, 86_400_000), default: 10_000 },
};

/** Checks the TLS of an address and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveListenTls(tls: ListenTls | undefined, name = 'tls'): ResolvedListenTls | undefined {
  if (tls === undefined) return undefined;
  const resolved = resolveOptions(name, tls, LISTEN_TLS);
  if (!Array.isArray(resolved.certificates) || resolved.certificates.length === 0)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name}.certificates must name at least one { cert, key }`);
  return resolved;
}

/**
 * Starts `server`.
 *
 * @returns the address, as `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option; `ERR_CONNECT` when the address is not available
 */
export async function listenOn(server: Server, options: ListenAddress | { readonly path: string }): Promise<string> {
  if ('path' in options) {
    await listening(server, { path: checkText('path', options.path) }, `unix:${options.path}`);
    return `unix:${options.path}`;
  }
  checkKnownOptions('listen', options, ['host', 'port']);
  const host = checkText('host', options.host ?? '127.0.0.1');
  const port = checkInteger('port', options.port ?? 0, 0, 65_535);
  await listening(server, { host, port }, `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const { address, family, port: bound } = server.address() as AddressInfo;
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
}

/** Starts listening, on the socket that was given for the address where there is one. */
async function listening(server: Server, where: ListenPlace, shown: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(givenSocket(where) ?? where, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenError(error, shown);
  } finally {
    server.off('error', reject);
  }
}

/** Reads `HOST:PORT` and `[IPV6]:PORT`; `undefined` for anything else. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}
