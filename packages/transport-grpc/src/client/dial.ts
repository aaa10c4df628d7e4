import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import {
  AgentwireError,
  toAgentwireError,
  type Connection,
  type ConnectOptions,
  type Endpoint,
  type Hello,
} from '@agentwire/core';
import { negotiateOverGrpc, createConnection } from '../connection/create-connection.ts';
import { http2Caps, SESSION_WINDOW_BYTES } from '../connection/http2-settings.ts';
import { MessageStream, type MessageStreamUser } from '../connection/message-stream.ts';
import { connectError, fromNodeError } from '../errors/http2-errors.ts';
import { readHandshakeResponse, writeHandshakeRequest } from '../handshake/hello-fields.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { clientTls } from '../tls.ts';

/** Path of the one method that this side calls. */
export const PROCESS_STREAM_PATH = '/zentinel.agent.v2.AgentServiceV2/ProcessStream';

const OTHERWISE =
  'it may not speak gRPC: over frames the address is unix:PATH or tcp://HOST:PORT, over TLS grpcs://HOST:PORT';
/** Hint for a server that has sent nothing, not even the settings with which HTTP/2 begins. */
const MUTE = `; nothing came from it, so ${OTHERWISE}`;
/** Hint for a server that has sent something that is not HTTP/2. */
const OTHER = `; what came is not HTTP/2, so ${OTHERWISE}`;

/** Tells whether the first bytes of a server were not those of HTTP/2. */
function isOtherProtocol(error: unknown): boolean {
  const { code, message } = Object(error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return code === 'ERR_HTTP2_ERROR' && message === 'Protocol error';
}

function openSession({ scheme, target, path }: Endpoint, options: ResolvedGrpcOptions): ClientHttp2Session {
  const secure = scheme === 'grpcs';
  // gRPC names a server behind a Unix socket localhost
  const authority = path === undefined ? target : 'localhost';
  const session = connectHttp2(`${secure ? 'https' : 'http'}://${authority}`, {
    ...http2Caps(options),
    ...(secure ? clientTls(options.tls) : {}),
    ...(path === undefined ? {} : { createConnection: () => connectSocket({ path }) }),
  });
  session.once('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW_BYTES);
  });
  return session;
}

/** Headers of the one request of a connection. */
function requestHeaders({ token, name, version }: Hello): OutgoingHttpHeaders {
  const agent = [name, version].map((part) => encodeURIComponent(part.toWellFormed())).join('/');
  return {
    ':method': 'POST',
    ':path': PROCESS_STREAM_PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': `agentwire/2 ${agent}`.slice(0, 200),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** Begins the request; destroys a session that cannot. */
function requestStream(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  try {
    return session.request(headers);
  } catch (error) {
    session.destroy();
    throw toAgentwireError(error, 'ERR_CONNECT', 'the request could not be made');
  }
}

/** One attempt to connect: it ends once, with the connection or with an error. */
class Dialling implements MessageStreamUser {
  readonly #endpoint: Endpoint;
  readonly #connect: ConnectOptions;
  readonly #options: ResolvedGrpcOptions;
  readonly #session: ClientHttp2Session;
  readonly #messages: MessageStream;
  readonly #outcome: PromiseWithResolvers<Connection> = Promise.withResolvers<Connection>();
  #connected = false;
  #socket: Pick<Socket, 'bytesRead'> | undefined;
  #sessionError: unknown;

  constructor(endpoint: Endpoint, connectOptions: ConnectOptions, options: ResolvedGrpcOptions) {
    this.#endpoint = endpoint;
    this.#connect = connectOptions;
    this.#options = options;
    const headers = requestHeaders(connectOptions.self);
    const session = openSession(endpoint, options);
    this.#session = session;
    session.on('error', (error) => {
      this.#sessionError ??= error;
    });
    session.once('connect', (_session, socket) => {
      this.#connected = true;
      this.#socket = socket;
    });
    const stream = requestStream(session, headers);
    const where = endpoint.address;
    const { clock, maxMessageBytes } = options;
    this.#messages = new MessageStream(stream, { side: 'client', where, clock, maxBytes: maxMessageBytes }, this);
    stream.once('close', () => this.#closeSession());
    this.#messages.send(writeHandshakeRequest(connectOptions.self));
  }

  get outcome(): Promise<Connection> {
    return this.#outcome.promise;
  }

  #closeSession(): void {
    const { clock, closeTimeoutMs } = this.#options;
    const timer = clock.setTimeout(() => this.#session.destroy(), closeTimeoutMs);
    this.#session.once('close', () => clock.clearTimeout(timer));
    if (this.#session.destroyed) clock.clearTimeout(timer);
    else this.#session.close();
  }

  fail(error: AgentwireError): void {
    this.#outcome.reject(error);
    this.#messages.destroy(error);
    this.#session.destroy();
  }

  onFrame(buffer: Buffer, start: number, end: number): void {
    try {
      const { self, onConnection } = this.#connect;
      const other = readHandshakeResponse(buffer.subarray(start, end), self);
      const peer = negotiateOverGrpc(self, other, this.#options);
      const session = this.#session;
      const messages = this.#messages;
      const connection = createConnection(self, other, peer, messages, session, this.#options, () => undefined);
      try {
        connection.open(onConnection);
      } catch (error) {
        const known = toAgentwireError(error, 'ERR_HANDLER');
        throw new AgentwireError(known.code, `onConnection: ${known.message}`, { cause: error });
      }
      this.#outcome.resolve(connection);
    } catch (error) {
      this.fail(toAgentwireError(error, 'ERR_PROTOCOL'));
    }
  }

  onDrain(): void {
    // a handshake fills no buffer
  }

  onFault(error: AgentwireError): void {
    this.fail(error);
  }

  onEnd(error: AgentwireError | undefined): void {
    const where = this.#endpoint.address;
    const causes = [error?.cause, this.#sessionError].filter((cause) => cause !== undefined);
    const early = causes.length === 0 ? error : connectError(causes, this.#connected, where);
    const known = early ?? new AgentwireError('ERR_CONNECT', `${where} ended the stream during the handshake`);
    if (known.code !== 'ERR_CLOSED' && known.code !== 'ERR_CONNECT') return this.fail(known);
    // a server of HTTP/2 begins with its settings; one of TLS may refuse a certificate before them
    const isMute = this.#socket?.bytesRead === 0 && this.#endpoint.scheme !== 'grpcs';
    const text = known.code === 'ERR_CLOSED' ? `${known.message}, during the handshake` : known.message;
    if (isMute) this.fail(new AgentwireError('ERR_CONNECT', `${text}${MUTE}`, { cause: known }));
    else if (isOtherProtocol(known.cause))
      this.fail(new AgentwireError('ERR_CONNECT', `${text}${OTHER}`, { cause: known }));
    else this.fail(known.code === 'ERR_CLOSED' ? fromNodeError(new Error(text), 'ERR_CONNECT', where) : known);
  }
}

/** Dials `endpoint` and does the handshake, both within one deadline. */
export async function dial(
  endpoint: Endpoint,
  connectOptions: ConnectOptions,
  handshakeTimeoutMs: number,
  options: ResolvedGrpcOptions,
): Promise<Connection> {
  const { signal } = connectOptions;
  const aborted = (): AgentwireError =>
    new AgentwireError('ERR_ABORTED', `connecting to ${endpoint.address} was aborted`, { cause: signal?.reason });
  if (signal?.aborted) throw aborted();
  const dialling = new Dialling(endpoint, connectOptions, options);
  const onAbort = (): void => dialling.fail(aborted());
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = options.clock.setTimeout(() => {
    dialling.fail(
      new AgentwireError('ERR_TIMEOUT', `${endpoint.address} did not finish the handshake in ${handshakeTimeoutMs} ms`),
    );
  }, handshakeTimeoutMs);
  try {
    return await dialling.outcome;
  } finally {
    options.clock.clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
