import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import { Server, type AddressInfo } from 'node:net';
import { Admission, type Endpoint, type Listener, type ListenOptions } from '@agentwire/core';
import { listenError, resolveListenLimits } from '@agentwire/core/internal';
import { bindSocketFile, type SocketFile, startListening } from '@agentwire/transport-framed/internal';
import { PROCESS_STREAM_PATH } from '../client/dial.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { createHttp2Server } from './http2-server.ts';
import { serveProcessStream } from './process-stream.ts';
import { ServerSession, type ServerDeps } from './server-session.ts';
import { UnaryCalls } from './unary-calls.ts';

/** Sockets past the connections and pending handshakes that a listener accepts before it leaves them to the kernel. */
const SPARE_SOCKETS = 64;

/** A bound address: an HTTP/2 server whose ProcessStreams are connections. */
export class GrpcListener implements Listener {
  readonly #endpoint: Endpoint;
  readonly #deps: ServerDeps;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Map<ServerHttp2Session, ServerSession>();
  readonly #calls: UnaryCalls;
  #address: string;
  #file: SocketFile | undefined;

  constructor(endpoint: Endpoint, listen: ListenOptions, options: ResolvedGrpcOptions) {
    this.#endpoint = endpoint;
    this.#address = endpoint.address;
    const { handshakeTimeoutMs, maxPendingHandshakes, maxConnections } = resolveListenLimits(listen);
    const admission = new Admission(listen, options.clock, endpoint.address);
    this.#deps = { listen, options, admission, address: endpoint.address };
    this.#calls = new UnaryCalls(this.#deps);
    this.#server = createHttp2Server(endpoint.scheme === 'grpcs', options, admission, handshakeTimeoutMs);
    this.#server.maxConnections = maxConnections + maxPendingHandshakes + SPARE_SOCKETS;
    this.#server.on('session', (session: ServerHttp2Session) => this.#onSession(session));
    const onStream = (
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
      _flags: number,
      rawHeaders: string[],
    ): void => {
      try {
        this.#onStream(stream, headers, rawHeaders);
      } catch (error) {
        // its session may have gone meanwhile, and then nothing can be answered any more
        options.logger.warn({ err: error }, 'a stream could not be served');
        stream.destroy();
      }
    };
    this.#server.on('stream', onStream);
  }

  #onSession(session: ServerHttp2Session): void {
    try {
      this.#sessions.set(session, new ServerSession(session, this.#deps));
      session.once('close', () => this.#sessions.delete(session));
    } catch (error) {
      this.#deps.options.logger.warn({ err: error }, 'a session could not be served');
      session.destroy();
    }
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]): void {
    const from = stream.session === undefined ? undefined : this.#sessions.get(stream.session as ServerHttp2Session);
    if (from === undefined) {
      stream.destroy();
      return;
    }
    const { logger } = this.#deps.options;
    stream.on('error', (error) => logger.debug({ error, address: from.address }, 'HTTP/2 stream failed'));
    from.watch(stream);
    if (headers[':path'] !== PROCESS_STREAM_PATH) this.#calls.serve(stream, headers, rawHeaders, from);
    else if (headers[':method'] !== 'POST') stream.respond({ ':status': 405 }, { endStream: true });
    else if (!(headers['content-type'] ?? '').startsWith('application/grpc'))
      stream.respond({ ':status': 415 }, { endStream: true });
    else serveProcessStream(stream, headers, from, this.#deps);
  }

  /** Binds it. @throws AgentwireError `ERR_CONNECT` when the address cannot be bound. */
  async bind(): Promise<void> {
    const server = this.#server;
    try {
      await this.#bind();
    } catch (error) {
      if (server.listening) Server.prototype.close.call(server);
      throw listenError(error, this.#address);
    }
    server.on('error', (error) => this.#deps.options.logger.error({ error }, `listener ${this.#address} failed`));
  }

  async #bind(): Promise<void> {
    const { host = '127.0.0.1', port = 0, scheme, path } = this.#endpoint;
    const server = this.#server;
    if (path !== undefined) {
      this.#file = await bindSocketFile(path, this.#deps.options, (at) => startListening(server, { path: at }));
      return;
    }
    await startListening(server, { host, port });
    const bound = (server.address() as AddressInfo).port;
    this.#address = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  }

  get address(): string {
    return this.#address;
  }

  get connectionCount(): number {
    return this.#deps.admission.connectionCount;
  }

  close(): Promise<void> {
    // the HTTP/2 server's own close would send a GOAWAY to sessions that are to live on
    if (this.#server.listening) Server.prototype.close.call(this.#server);
    this.#file?.remove();
    this.#file = undefined;
    this.#deps.admission.close();
    this.#calls.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
