import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { AgentwireError } from '@agentwire/core';
import type { ResolvedListenTls } from '../listen.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import type { ProxyProtocolOptions } from '../proxy-protocol/check-proxy-protocol.ts';
import { ProxyProtocol } from '../proxy-protocol/proxy-protocol.ts';
import { readPreface } from './http2-preface.ts';
import { Http2Sessions, type Http2SessionsDeps } from './http2-sessions.ts';
import { TlsCertificates } from './tls-certificates.ts';

/** Collaborators of a {@link FrontServer}. */
export interface FrontServerDeps {
  readonly options: ResolvedGatewayOptions;
  readonly tls: ResolvedListenTls | undefined;
  readonly h2c: boolean;
  readonly proxyProtocol: boolean | ProxyProtocolOptions;
  /** Settings of the server of node:http. */
  readonly settings: ServerOptions;
  readonly onHttp1: RequestListener;
  readonly onHttp2: Http2SessionsDeps['onRequest'];
  /** Called with each connection, before it is read. */
  readonly onConnection: (socket: Socket) => void;
  /** Called with each connection that speaks HTTP/1.1. */
  readonly onHttp1Connection: (socket: Socket) => void;
}

function readCa(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `tls.clientCa: ${path} cannot be read: ${(cause as Error).message}`;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', message, { cause });
  }
}

/** Server of one address that speaks HTTP/1.1 and HTTP/2: after TLS as ALPN decides, without it as the first bytes tell. */
export class FrontServer {
  readonly server: Server;
  readonly #deps: FrontServerDeps;
  readonly #sessions: Http2Sessions;
  readonly #certificates: TlsCertificates | undefined;
  readonly #proxyProtocol: ProxyProtocol | undefined;
  /** Connections within their handshake. */
  readonly #handshakes = new Set<Socket>();

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` naming a file that cannot be used */
  constructor(deps: FrontServerDeps) {
    this.#deps = deps;
    const { options, tls, onHttp2, proxyProtocol } = deps;
    const { clock, logger, requestHeadTimeoutMs: timeoutMs } = options;
    if (proxyProtocol !== false)
      this.#proxyProtocol = new ProxyProtocol({
        options: proxyProtocol === true ? {} : proxyProtocol,
        timeoutMs,
        clock,
        logger,
      });
    this.#sessions = new Http2Sessions({ ...options, onRequest: onHttp2 });
    if (tls === undefined) this.server = this.#withoutTls();
    else {
      const server = this.#withTls(tls);
      this.server = server;
      const clientCa = readCa(tls.clientCa);
      const onChange = (): void => server.setSecureContext(certificates.fallback);
      const certificates = new TlsCertificates({ ...tls, clientCa, clock, logger, onChange });
      this.#certificates = certificates;
      onChange();
    }
  }

  #withoutTls(): Server {
    const { options, h2c, settings, onHttp1 } = this.#deps;
    const server = createServer(settings, onHttp1);
    const { clock, requestHeadTimeoutMs: timeoutMs } = options;
    this.#route(server, 'connection', (socket, serveHttp1) => {
      const serve = (): void => {
        if (!h2c) return serveHttp1();
        readPreface(socket, { clock, timeoutMs }, (isHttp2) =>
          isHttp2 ? this.#sessions.accept(socket) : serveHttp1(),
        );
      };
      if (this.#proxyProtocol === undefined) serve();
      else this.#proxyProtocol.accept(socket, serve);
    });
    return server;
  }

  #withTls(tls: ResolvedListenTls): TlsServer {
    const { options, settings, onHttp1 } = this.#deps;
    const mutual = tls.clientCa !== undefined;
    const server = createTlsServer(
      {
        ...settings,
        ALPNProtocols: tls.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
        SNICallback: (name, done) => done(null, this.#certificates?.select(name)),
        handshakeTimeout: options.requestHeadTimeoutMs,
        requestCert: mutual,
        rejectUnauthorized: mutual,
      },
      onHttp1,
    );
    this.#beforeTls(server);
    // node:https would answer in plain text, within a failed handshake
    server.removeAllListeners('tlsClientError');
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      options.logger.debug({ err: error }, 'a TLS handshake failed');
      socket.destroy();
    });
    this.#route(server, 'secureConnection', (socket, serveHttp1) => {
      this.#proxyProtocol?.secured(socket);
      if ((socket as TLSSocket).alpnProtocol === 'h2') this.#sessions.accept(socket);
      else serveHttp1();
    });
    return server;
  }

  /** Notes connections before their handshake, and reads the PROXY protocol that precedes it. */
  #beforeTls(server: TlsServer): void {
    const [shakeHands] = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      this.#handshakes.add(socket);
      socket.once('close', () => this.#handshakes.delete(socket));
      const serve = (): void => shakeHands?.call(server, socket);
      if (this.#proxyProtocol === undefined) serve();
      else this.#proxyProtocol.accept(socket, serve, true);
    });
  }

  /** Puts `serve` before the listener of node:http for new connections. */
  #route(server: Server, event: string, serve: (socket: Socket, serveHttp1: () => void) => void): void {
    const { onConnection, onHttp1Connection } = this.#deps;
    const [http1] = server.listeners(event) as ((socket: Socket) => void)[];
    server.removeAllListeners(event);
    server.on(event, (socket: Socket) => {
      onConnection(socket);
      serve(socket, () => {
        http1?.call(server, socket);
        onHttp1Connection(socket);
      });
    });
  }

  /** Announces the end to clients of HTTP/2, and takes what they send for `graceMs`. */
  drain(graceMs: number): void {
    this.#sessions.drain(graceMs);
  }

  /** Reads certificates that have changed. @returns how many */
  reload(): number {
    return this.#certificates?.reload() ?? 0;
  }

  /** Cuts connections of HTTP/2 and handshakes. */
  close(): void {
    this.#certificates?.close();
    this.#sessions.close();
    for (const socket of this.#handshakes) socket.destroy();
  }
}
