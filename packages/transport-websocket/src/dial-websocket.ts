import { request, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { MessageLink } from '@agentwire/transport-framed';
import { clientTlsOptions, type TlsOptions } from '@agentwire/transport-framed/internal';
import { type ClientOptions, WebSocket } from 'ws';
import { SUBPROTOCOL, WEB_SOCKET_LIMITS, WebSocketLink } from './websocket-link.ts';

/** Address to dial. */
export interface WebSocketTarget {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** Options of {@link dialWebSocket}. */
export interface WebSocketDialOptions {
  readonly tls: TlsOptions;
  readonly proxy: string | undefined;
}

/** Dials a WebSocket, through an HTTP proxy if one is given. @throws the error of the system, of the proxy or of the server */
export function dialWebSocket(
  target: WebSocketTarget,
  { tls, proxy }: WebSocketDialOptions,
  signal: AbortSignal,
): Promise<MessageLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    const secure = target.scheme === 'wss' ? clientTlsOptions(tls, target.host) : {};
    const webSocket = new WebSocket(target.url, [SUBPROTOCOL], {
      ...WEB_SOCKET_LIMITS,
      ...(secure as ClientOptions),
      ...(proxy === undefined ? undefined : { createConnection: connectThrough(proxy, target, tls) }),
    });
    const onAbort = (): void => webSocket.terminate();
    signal.addEventListener('abort', onAbort, { once: true });
    let socket: Socket | undefined;
    webSocket.once('upgrade', (response) => (socket = response.socket));
    // stays, as an error without a listener ends the process
    webSocket.on('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
    webSocket.once('open', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(new WebSocketLink(webSocket, socket as Socket, 'client'));
    });
  });
}

type Connect = NonNullable<ClientOptions['createConnection']>;

/** Opens sockets through an HTTP proxy: CONNECT, then TLS to the server where the address says so. */
function connectThrough(proxy: string, { scheme, host, port }: WebSocketTarget, tls: TlsOptions): Connect {
  const connect = (_: unknown, done: (error: Error | null, socket?: Socket) => void): undefined => {
    const { hostname, port: proxyPort, username, password } = new URL(proxy);
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const options: RequestOptions = {
      host: hostname.replaceAll(/[[\]]/g, ''),
      port: proxyPort || 80,
      method: 'CONNECT',
      path: authority,
      agent: false,
      headers: {
        host: authority,
        ...(username !== '' && { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }),
      },
    };
    const connecting = request(options);
    connecting.once('error', (error) => done(error));
    connecting.once('response', (response) => {
      response.destroy();
      done(new Error(`the proxy answered CONNECT with ${response.statusCode}`));
    });
    connecting.once('connect', (response, socket: Socket, head: Buffer) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        done(new Error(`the proxy answered CONNECT with ${response.statusCode}`));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      done(null, scheme === 'wss' ? connectTls({ socket, ...clientTlsOptions(tls, host) }) : socket);
    });
    connecting.end();
    return undefined;
  };
  // ws types the form that returns a socket; node:http takes a callback as well
  return connect as unknown as Connect;
}
