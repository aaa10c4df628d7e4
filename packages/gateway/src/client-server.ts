import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { addConnection, connectionOf } from './client-connection.ts';
import { ClientErrors } from './client-error.ts';
import { guarded } from './guarded.ts';
import { listenOn, type ListenAddress } from './listen.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';

/** Collaborators of a {@link ClientServer}. */
export interface ClientServerDeps {
  readonly options: ResolvedGatewayOptions;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => void;
  /** Responses that are not finished. */
  readonly live: ReadonlySet<ServerResponse>;
  /** Called for each connection that was closed at once because `maxConnections` were open. */
  readonly onDrop: () => void;
}

/** Answer to CONNECT. */
const NO_TUNNEL = '501 Not Implemented';

/** Checks of a draining connection per `drainIdleMs`. */
const CHECKS = 4;

/** Most turns of the event loop in which a drain still accepts connections. */
const MAX_TURNS = 100;

/** One listening address, with its connections. */
export class ClientServer {
  readonly #deps: ClientServerDeps;
  readonly #server: Server;
  /** Open connections. */
  readonly #sockets = new Set<Socket>();
  /** Connections so far. */
  #accepted = 0;
  readonly #closed = Promise.withResolvers<void>();

  constructor(deps: ClientServerDeps) {
    const { options, onRequest, onDrop } = deps;
    const { logger } = options;
    this.#deps = deps;
    const server = createServer(
      {
        keepAlive: true,
        noDelay: true,
        keepAliveTimeout: options.keepAliveTimeoutMs,
        headersTimeout: options.requestHeadTimeoutMs,
        // a long upload is bounded by its rate: minUploadBytesPerSecond
        requestTimeout: 0,
        connectionsCheckingInterval: Math.ceil(Math.min(30_000, options.requestHeadTimeoutMs / 4)),
        maxHeaderSize: options.maxHeadBytes,
      },
      (request, response) => connectionOf(request.socket)?.take(response, false),
    );
    // Node drops further lines silently; one more than allowed shows that there are too many
    server.maxHeadersCount = options.maxHeaders + 1;
    server.maxConnections = options.maxConnections;
    // "100 Continue" is sent when the body is wanted, so that a client whose head is blocked never sends it
    server.on('checkContinue', (request, response) => connectionOf(request.socket)?.take(response, true));
    server.on('drop', onDrop);
    server.on('close', () => this.#closed.resolve());
    server.on('connection', (socket: Socket) => {
      this.#accepted += 1;
      this.#sockets.add(socket);
      addConnection(socket, options.maxPipelinedRequests, onRequest);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    const errors = new ClientErrors(options);
    const refuseTunnel = (_request: IncomingMessage, socket: Duplex): void => {
      connectionOf(socket)?.takeOver();
      errors.refuse(NO_TUNNEL, socket);
    };
    server.on(
      'connect',
      guarded('the answer to CONNECT', logger, refuseTunnel, (_request, socket) => socket.destroy()),
    );
    const onError = (error: Error, socket: Duplex): void => errors.handle(error, socket);
    server.on(
      'clientError',
      guarded('the answer to a bad request', logger, onError, (_error, socket) => socket.destroy()),
    );
    this.#server = server;
  }

  /** @returns the address. @throws AgentwireError `ERR_CONNECT`, `ERR_INVALID_ARGUMENT` */
  listen(options: ListenAddress): Promise<string> {
    return listenOn(this.#server, options);
  }

  /** Accepts no new connections, and closes those that are idle for `drainIdleMs`. Resolves when all are closed. */
  drain(): Promise<void> {
    this.#stopListening(0, 0);
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

  /** Cuts every connection. */
  close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    return this.#closed.promise;
  }
}
