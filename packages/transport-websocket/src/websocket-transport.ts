import type { Server } from 'node:http';
import { AgentwireError, type Endpoint, type Transport } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { createFramedTransport, type FramedOptions } from '@agentwire/transport-framed';
import { FRAMED_TABLE, TLS_TABLE, type TlsOptions } from '@agentwire/transport-framed/internal';
import type { WebSocketTarget } from './dial-websocket.ts';

/** Options of {@link createWebSocketTransport}. */
export interface WebSocketTransportOptions extends Omit<FramedOptions, 'versionOne'> {
  /** Keys and certificates for `wss:`; a listener needs `key` and `cert`, dialling needs none. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Values of `Origin` that a listener accepts; default none, so that no web page can connect. Programs send no `Origin`;
   * list one only for an agent that runs in a browser.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * HTTP server to listen on, instead of a port of its own: WebSockets are taken at the address's path, whatever its host
   * and port. It is neither started nor closed.
   */
  readonly server?: Server | undefined;
  /** HTTP proxy to dial through, with CONNECT: `http://HOST:PORT`, or `http://USER:PASSWORD@HOST:PORT`. */
  readonly proxy?: string | undefined;
}

const { versionOne: _, ...FRAMED } = FRAMED_TABLE;
const TABLE: OptionTable<WebSocketTransportOptions> = {
  ...FRAMED,
  tls: OPTION.nested(TLS_TABLE),
  origins: OPTION.listOf(OPTION.text),
  server: OPTION.object,
  proxy: OPTION.secret,
};

interface WebSocketEndpoint extends Endpoint, WebSocketTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/**
 * Makes the transport that carries messages over WebSocket: `ws://HOST:PORT/PATH`, `wss://HOST:PORT/PATH`. It passes HTTP
 * proxies and load balancers, which reverse connections of agents in other networks need.
 *
 * `ws` is readable by everyone on the way: use it on one machine, or behind a load balancer that ends TLS.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createWebSocketTransport(options: WebSocketTransportOptions = {}): Transport {
  checkOptions('createWebSocketTransport', options, TABLE);
  const { tls, origins, server, proxy, ...framed } = options;
  checkProxy(proxy);
  const clientTls = tls ?? {};
  return createFramedTransport<WebSocketEndpoint>(
    {
      name: 'websocket',
      schemes: ['ws', 'wss'],
      parse: parseWebSocket,
      // ws and node:http are loaded by the first dial and the first bind
      async dial(target, signal) {
        const { dialWebSocket } = await import('./dial-websocket.ts');
        return dialWebSocket(target, { tls: clientTls, proxy }, signal);
      },
      async bind({ scheme, address, host, port, path }, acceptor) {
        const place = server === undefined ? { host, port, path } : { server, path };
        const ownTls = scheme === 'wss' && server === undefined ? checkServerTls(address, tls) : undefined;
        const { bindWebSocket } = await import('./bind-websocket.ts');
        const bound = await bindWebSocket(place, acceptor, { origins, tls: ownTls });
        return { address: print(scheme, host, port || bound.port, path), close: () => bound.close() };
      },
    },
    framed,
  );
}

function print(scheme: string, host: string, port: number, path: string): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}

function parseWebSocket({ scheme, address }: Endpoint): WebSocketEndpoint {
  const url = URL.parse(address);
  // a query or a user may be a secret, and addresses are logged
  if (url === null || url.hostname === '' || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new AgentwireError(
      'ERR_INVALID_ADDRESS',
      `a WebSocket's address is ${scheme}://HOST:PORT/PATH without user, query and fragment`,
    );
  }
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  const port = url.port === '' ? (scheme === 'wss' ? 443 : 80) : Number(url.port);
  const printed = print(scheme, host, port, url.pathname);
  return {
    scheme,
    address: printed,
    url: printed,
    target: printed.slice(scheme.length + 3),
    host,
    port,
    path: url.pathname,
  };
}

function checkProxy(proxy: string | undefined): void {
  if (proxy === undefined || URL.parse(proxy)?.protocol === 'http:') return;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    'proxy must be http://HOST:PORT, with USER:PASSWORD@ where it asks for them',
  );
}

/** Checks that a listener for `wss:` has a certificate. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
function checkServerTls(address: string, tls: TlsOptions | undefined): TlsOptions {
  if (tls?.key !== undefined && tls.cert !== undefined) return tls;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `listening on ${address} needs the options tls.key and tls.cert of its transport: createWebSocketTransport({ tls: { key, cert } })`,
  );
}
