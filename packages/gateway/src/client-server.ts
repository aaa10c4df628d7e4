import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkBoolean } from '@agentwire/core/internal';
import { addConnection, connectionOf } from './client-connection.ts';
import { ClientErrors } from './client-error.ts';
import type { ClientRequest, ClientResponse } from './client-messages.ts';
import { guarded } from './guarded.ts';
import type { FrontServer, FrontServerDeps } from './http2/front-server.ts';
import { UpgradeRequest } from './websocket/upgrade-request.ts';
import { EarlyBytes, UpgradeResponse } from './websocket/upgrade-response.ts';
import { listenOn, type ListenAddress, type ListenOptions, resolveListenTls } from './listen.ts';
import { checkProxyProtocol } from './proxy-protocol/check-proxy-protocol.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';

/** Collaborators of a {@link ClientServer}. */
export interface ClientServerDeps {
  readonly options: ResolvedGatewayOptions;
  readonly onRequest: (request: ClientRequest, response: ClientResponse, expectsContinue: boolean) => void;
  /** Responses that are not finished. */
  readonly live: Iterable<ClientResponse>;
  /** Called for each connection that was closed at once because `maxConnections` were open. */
  readonly onDrop: () => void;
}

type CreateFront = (
  deps: Pick<FrontServerDeps, 'settings' | 'onHttp1' | 'onHttp2' | 'onConnection' | 'onHttp1Connection'>,
) => FrontServer;

/** Answer to CONNECT. */
const NO_TUNNEL = '501 Not Implemented';

/** Checks of a draining connection per `drainIdleMs`. */
const CHECKS = 4;

/** Most turns of the event loop in which a drain still accepts connections. */
const MAX_TURNS = 100;

/** Starts a request for a WebSocket when those before it on its connection are answered. */
function takeUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
  const socket = duplex as Socket;
  const connection = connectionOf(socket);
  if (connection === undefined) throw new TypeError('an upgrade on a connection that the server does not know');
  connection.takeOver();
  const early = new EarlyBytes(socket, head);
  connection.whenAnswered((answerable) => {
    // the answer before it may have been the connection's last one
    if (!answerable || !socket.writable) socket.destroy();
    else connection.take(new UpgradeResponse(request, socket, early), false);
  });
}

/** One listening address, with its connections. */
export class ClientServer {
  readonly #deps: ClientServerDeps;
  readonly #server: Server;
  /** Set where the address speaks TLS or HTTP/2. */
  readonly #front: FrontServer | undefined;
  /** Open connections. */
  readonly #sockets = new Set<Socket>();
  /** Connections so far. */
  #accepted = 0;
  readonly #closed = Promise.withResolvers<void>();

  private constructor(deps: ClientServerDeps, createFront: CreateFront | undefined) {
    const { options, onRequest, onDrop } = deps;
    const { logger } = options;
    this.#deps = deps;
    const settings: ServerOptions = {
      keepAlive: true,
      noDelay: true,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      headersTimeout: options.requestHeadTimeoutMs,
      // a long upload is bounded by its rate: minUploadBytesPerSecond
      requestTimeout: 0,
      connectionsCheckingInterval: Math.ceil(Math.min(30_000, options.requestHeadTimeoutMs / 4)),
      maxHeaderSize: options.maxHeadBytes,
      IncomingMessage: UpgradeRequest,
    };
    const onHttp1: RequestListener = (request, response) => connectionOf(request.socket)?.take(response, false);
    const onConnection = (socket: Socket): void => {
      this.#accepted += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    };
    const onHttp1Connection = (socket: Socket): void => addConnection(socket, options.maxPipelinedRequests, onRequest);
    this.#front = createFront?.({ settings, onHttp1, onHttp2: onRequest, onConnection, onHttp1Connection });
    const server = this.#front?.server ?? createServer(settings, onHttp1);
    if (this.#front === undefined) server.on('connection', onConnection).on('connection', onHttp1Connection);
    // Node drops further lines silently; one more than allowed shows that there are too many
    server.maxHeadersCount = options.maxHeaders + 1;
    server.maxConnections = options.maxConnections;
    // "100 Continue" is sent when the body is wanted, so that a client whose head is blocked never sends it
    server.on('checkContinue', (request, response) => connectionOf(request.socket)?.take(response, true));
    // without a listener Node answers 417 by itself, and no log has the request
    server.on('checkExpectation', onHttp1);
    server.on('drop', onDrop);
    server.on('close', () => this.#closed.resolve());
    const errors = new ClientErrors(options);
    const refuseTunnel = (_request: IncomingMessage, socket: Duplex): void => {
      connectionOf(socket)?.takeOver();
      socket.resume();
      errors.refuse(NO_TUNNEL, socket);
    };
    server.on(
      'connect',
      guarded('the answer to CONNECT', logger, refuseTunnel, (_request, socket) => socket.destroy()),
    );
    // without a listener Node takes them for requests like others, which are answered 501
    if (options.maxWebSockets > 0)
      server.on(
        'upgrade',
        guarded('an upgrade', logger, takeUpgrade, (_request, socket) => socket.destroy()),
      );
    const onError = (error: Error, socket: Duplex): void => errors.handle(error, socket);
    server.on(
      'clientError',
      guarded('the answer to a bad request', logger, onError, (_error, socket) => socket.destroy()),
    );
    this.#server = server;
  }

  /** Creates the server of an address; TLS and HTTP/2 are loaded only where they are asked for. */
  static async create(deps: ClientServerDeps, listen: ListenOptions): Promise<ClientServer> {
    const { h2c = false, proxyProtocol = false } = listen;
    checkBoolean('h2c', h2c);
    checkProxyProtocol('proxyProtocol', proxyProtocol);
    const tls = resolveListenTls(listen.tls);
    if (tls === undefined && !h2c && proxyProtocol === false) return new ClientServer(deps, undefined);
    const { FrontServer } = await import('./http2/front-server.ts');
    return new ClientServer(
      deps,
      (rest) => new FrontServer({ options: deps.options, tls, h2c, proxyProtocol, ...rest }),
    );
  }

  /** @returns the address. @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT` */
  listen(options: ListenAddress): Promise<string> {
    return listenOn(this.#server, options);
  }

  /** Accepts no new connections, and closes those that are idle for `drainIdleMs`. Resolves when all are closed. */
  drain(): Promise<void> {
    this.#stopListening(0, 0);
    this.#front?.drain(this.#deps.options.drainIdleMs);
    this.#watchIdle();
    return this.#closed.promise;
  }

  /**
   * Stops listening after a turn of the event loop without a new connection: the system resets connections that wait in its
   * accept queue, and their clients may have sent a request before the drain.
   */
  #stopListening(turn: number, before: number): void {
    if (!this.#server.listening) return;
    const accepted = this.#accepted;
    // the first turn may end before it has polled for connections
    if (turn < 2 || (turn < MAX_TURNS && accepted > before))
      return void setImmediate(() => this.#stopListening(turn + 1, accepted));
    // close() of an HTTP server cuts idle connections, also while a request of theirs arrives
    NetServer.prototype.close.call(this.#server);
  }

  #watchIdle(): void {
    const { live, options } = this.#deps;
    const seen = new Map<Socket, { bytes: number; quiet: number }>();
    const check = (): void => {
      const busy = new Set<unknown>(Array.from(live, ({ req }) => req.socket));
      for (const socket of this.#sockets) {
        const before = seen.get(socket);
        const quiet = before?.bytes !== socket.bytesRead || busy.has(socket) ? 0 : before.quiet + 1;
        seen.set(socket, { bytes: socket.bytesRead, quiet });
        if (quiet >= CHECKS) socket.destroy();
      }
      if (this.#sockets.size > 0 || this.#server.listening)
        options.clock.setTimeout(check, options.drainIdleMs / CHECKS);
    };
    check();
  }

  /** Reads certificates that have changed. @returns how many */
  reloadCertificates(): number {
    return this.#front?.reload() ?? 0;
  }

  /** Cuts every connection. */
  close(): Promise<void> {
    this.#server.close();
    this.#front?.close();
    for (const socket of this.#sockets) socket.destroy();
    return this.#closed.promise;
  }
}
