import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { PendingPeer } from '@agentwire/core';
import type { Acceptor, LinkCredential } from '@agentwire/transport-framed';
import {
  PendingSockets,
  serverTlsOptions,
  startListening,
  type TlsOptions,
} from '@agentwire/transport-framed/internal';
import { WebSocketServer } from 'ws';
import { SUBPROTOCOL, WEB_SOCKET_LIMITS, WebSocketLink } from './websocket-link.ts';

/** Place at which WebSockets are taken: a port of its own, or an HTTP server that runs already. */
export type WebSocketPlace =
  | { readonly host: string; readonly port: number; readonly path: string }
  | { readonly server: Server; readonly path: string };

/** Options of {@link bindWebSocket}. */
export interface WebSocketBindOptions {
  /** Values of `Origin` that are accepted; default none, so that no web page can connect. Programs send no `Origin`. */
  readonly origins?: readonly string[] | undefined;
  /** Keys and certificates: the port serves `wss:` instead of `ws:`. */
  readonly tls?: TlsOptions | undefined;
}

/**
 * Takes WebSockets at a path and hands each to `acceptor`.
 *
 * A request is answered 404 for another path (on a server of your own it is left to your other listeners), 403 for an
 * `Origin` that is not listed, 400 without the subprotocol `agent-protocol.v2`, and 426 if it is no upgrade.
 *
 * @returns the port that it listens on (0 where the server does not listen yet), and how to stop
 * @throws the system's error when the port cannot be bound.
 */
export async function bindWebSocket(
  place: WebSocketPlace,
  acceptor: Acceptor,
  { origins = [], tls }: WebSocketBindOptions = {},
): Promise<{ readonly port: number; close(): void }> {
  const upgrades = new Upgrades(acceptor, place.path, origins);
  if ('server' in place) {
    const { server } = place;
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (pathOf(request) === place.path) upgrades.takeUntracked(request, socket as Socket, head);
    };
    server.on('upgrade', onUpgrade);
    return { port: portOf(server), close: () => void server.off('upgrade', onUpgrade) };
  }
  const server = tls === undefined ? createServer() : createSecureServer(serverTlsOptions(tls));
  // the acceptor's own deadline, which runs from the first byte, ends slow requests
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.on('connection', (socket: Socket) => upgrades.track(socket));
  server.on('request', (request, response) => {
    const status = pathOf(request) === place.path ? 426 : 404;
    response.writeHead(status, { connection: 'close', ...(status === 426 && { upgrade: 'websocket' }) }).end();
  });
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => upgrades.take(request, socket as Socket, head));
  // Node destroys the socket of a failed TLS handshake
  server.on('tlsClientError', () => undefined);
  await startListening(server, place);
  server.on('error', (error) => acceptor.report(error));
  return {
    port: portOf(server),
    close() {
      server.close();
      server.closeIdleConnections();
    },
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** Upgrades of one listener: refused with an HTTP status, or handed to the acceptor as links. */
class Upgrades {
  readonly #acceptor: Acceptor;
  readonly #path: string;
  readonly #origins: readonly string[];
  readonly #pending: PendingSockets;
  readonly #webSockets = new WebSocketServer({
    ...WEB_SOCKET_LIMITS,
    noServer: true,
    clientTracking: false,
    handleProtocols: () => SUBPROTOCOL,
  });

  constructor(acceptor: Acceptor, path: string, origins: readonly string[]) {
    this.#acceptor = acceptor;
    this.#path = path;
    this.#origins = origins;
    this.#pending = new PendingSockets(acceptor);
  }

  /** Counts a socket as a pending handshake from its first byte on. */
  track(socket: Socket): void {
    // the socket or the TLS socket on top of it reports errors and ends
    socket.on('error', () => undefined);
    this.#pending.add(socket);
  }

  /** Takes an upgrade of a server whose sockets are not tracked. */
  takeUntracked(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.track(socket);
    this.take(request, socket, head);
  }

  /** Answers an upgrade; its socket is tracked. */
  take(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined);
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} ${STATUS_CODES[refusal]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const link = new WebSocketLink(webSocket, socket, 'server');
      const pending: PendingPeer | undefined = this.#pending.take(socket);
      if (pending === undefined) link.abort();
      else this.#acceptor.accept(link, credentialOf(socket), pending);
    });
  }

  #refusalOf(request: IncomingMessage): 400 | 403 | 404 | undefined {
    const { origin } = request.headers;
    if (pathOf(request) !== this.#path) return 404;
    if (origin !== undefined && !this.#origins.includes(origin)) return 403;
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((one) => one.trim());
    return offered?.includes(SUBPROTOCOL) ? undefined : 400;
  }
}

function credentialOf(socket: Socket): LinkCredential {
  const certificate = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().raw : undefined;
  return { address: `${socket.remoteAddress}:${socket.remotePort}`, certificate };
}
