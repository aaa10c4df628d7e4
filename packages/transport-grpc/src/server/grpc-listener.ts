import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Server, type AddressInfo, type Socket } from 'node:net';
import {
  AgentwireError,
  type Clock,
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Logger,
} from '@agentwire/core';
import { listenError, resolveListenLimits } from '@agentwire/core/internal';
import { PROCESS_STREAM_PATH } from '../client/dial.ts';
import { http2Caps } from '../connection/http2-settings.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { serverTls } from '../tls.ts';
import { createCalls, type Calls } from './calls.ts';
import { PendingTable, type Pending } from './pending-table.ts';
import { serveProcessStream, type Gate } from './process-stream.ts';
import { RawSockets } from './raw-sockets.ts';
import { ServerSession } from './server-session.ts';

/** Sockets past the connections and handshakes that a listener holds before the kernel's door is shut. */
const SPARE_SOCKETS = 64;

/** A bound address: an HTTP/2 server whose ProcessStreams are connections. */
export class GrpcListener implements Listener, Gate {
  readonly listen: ListenOptions;
  readonly options: ResolvedGrpcOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #endpoint: Endpoint;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Map<ServerHttp2Session, ServerSession>();
  readonly #pending: PendingTable;
  readonly #maxConnections: number;
  readonly #calls: Calls;
  #address: string;
  #open = 0;
  #closed: Promise<void> | undefined;

  constructor(endpoint: Endpoint, listen: ListenOptions, options: ResolvedGrpcOptions) {
    this.#endpoint = endpoint;
    this.#address = endpoint.address;
    this.listen = listen;
    this.options = options;
    this.clock = options.clock;
    this.logger = options.logger;
    const {
      handshakeTimeoutMs: timeoutMs,
      maxPendingHandshakes: maxPending,
      maxConnections,
    } = resolveListenLimits(listen);
    this.#maxConnections = maxConnections;
    this.#pending = new PendingTable(endpoint.address, options.clock, maxPending, timeoutMs);
    this.#calls = createCalls(this);
    const secure = endpoint.scheme === 'grpcs';
    const caps = http2Caps(options);
    this.#server = secure ? createSecureServer({ ...caps, ...serverTls(options.tls, timeoutMs) }) : createServer(caps);
    this.#server.maxConnections = this.#maxConnections + maxPending + SPARE_SOCKETS;
    this.#attach(secure);
  }

  #attach(secure: boolean): void {
    const server = this.#server as Http2SecureServer;
    if (secure) {
      const raw = new RawSockets(this.#pending);
      server.prependListener('connection', (socket: Socket) => raw.add(socket));
      server.prependListener('secureConnection', (socket) => raw.finish(socket));
      server.on('tlsClientError', (error) => this.logger.debug({ error }, 'TLS handshake failed'));
      server.on('unknownProtocol', (socket) => socket.destroy());
    }
    server.on('session', (session: ServerHttp2Session) => {
      try {
        this.#sessions.set(session, new ServerSession(session, this.#pending, this.options));
        session.once('close', () => this.#sessions.delete(session));
      } catch (error) {
        this.logger.warn({ err: error }, 'a session could not be taken in');
        session.destroy();
      }
    });
    server.on('sessionError', (error) => this.logger.debug({ error }, 'HTTP/2 session failed'));
    const onStream = (
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
      _flags: number,
      rawHeaders: string[],
    ): void => {
      try {
        this.#onStream(stream, headers, rawHeaders);
      } catch (error) {
        // its session may have gone between the stream and this, and then nothing can be answered any more
        this.logger.warn({ err: error }, 'a stream could not be taken in');
        stream.destroy();
      }
    };
    server.on('stream', onStream);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]): void {
    const from = stream.session === undefined ? undefined : this.#sessions.get(stream.session as ServerHttp2Session);
    if (from === undefined) {
      stream.destroy();
      return;
    }
    stream.on('error', (error) => this.logger.debug({ error, address: from.address }, 'HTTP/2 stream failed'));
    from.watch(stream);
    if (headers[':path'] !== PROCESS_STREAM_PATH) this.#calls.serve(stream, headers, rawHeaders, from);
    else if (headers[':method'] !== 'POST') stream.respond({ ':status': 405 }, { endStream: true });
    else if (!(headers['content-type'] ?? '').startsWith('application/grpc'))
      stream.respond({ ':status': 415 }, { endStream: true });
    else serveProcessStream(stream, headers, from, this);
  }

  /** Binds it. @throws AgentwireError `ERR_CONNECT` when the address cannot be bound. */
  bind(): Promise<void> {
    const { host, port } = this.#endpoint;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, this.#endpoint.address)));
      server.listen({ host: host ?? '127.0.0.1', port: port ?? 0 }, () => {
        const real = (server.address() as AddressInfo).port;
        const shown = (host ?? '').includes(':') ? `[${host}]` : host;
        this.#address = `${this.#endpoint.scheme}://${shown}:${real}`;
        server.on('error', (error) => this.logger.error({ error }, `listener ${this.#address} failed`));
        resolve();
      });
    });
  }

  get address(): string {
    return this.#address;
  }

  get connectionCount(): number {
    return this.#open;
  }

  take(): void {
    if (this.#closed !== undefined) throw new AgentwireError('ERR_CONNECT', `${this.#address} was closed`);
    if (this.#open >= this.#maxConnections) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        `${this.#address} refused: it has its ${this.#maxConnections} connections`,
      );
    }
    this.#open += 1;
  }

  giveBack(): void {
    this.#open -= 1;
  }

  wait(fail: (error: AgentwireError) => void): Pending {
    return this.#pending.add(fail);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // the HTTP/2 server's own close would send a GOAWAY to sessions that are to live on
    Server.prototype.close.call(this.#server);
    this.#pending.clear(new AgentwireError('ERR_CONNECT', `${this.#address} was closed`));
    this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
