import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { UpstreamProtocol } from './upstream-config.ts';
import type {
  DispatchRequest,
  Exchange,
  ExchangeHandler,
  TargetConnection,
  TargetConnections,
} from './upstream-messages.ts';
import { SocketGate } from './socket-gate.ts';
import type { UpstreamAddress } from './upstream-address.ts';
import type { UpstreamTls } from './upstream-config.ts';

/** Settings of the connections to one server. */
export interface ConnectionSettings {
  readonly address: UpstreamAddress;
  /** IP address that the host's name was resolved to; `undefined` to look it up for each connection. */
  readonly dialAddress: string | undefined;
  readonly tls: UpstreamTls | undefined;
  readonly protocol: UpstreamProtocol;
  readonly connections: number;
  /** Requests at a time on a connection of HTTP/2. */
  readonly maxStreamsPerConnection: number;
  readonly pingIntervalMs: number | undefined;
  readonly connectTimeoutMs: number;
  readonly keepAliveTimeoutMs: number | undefined;
}

/** Dials one server: calls back with a socket that is connected, after TLS where the address has it. */
export type Dial = (callback: buildConnector.Callback) => void;

const NO_LINES: readonly Buffer[] = [];

/**
 * One request of undici's client, by the handler interface that gets the lines of a response as its parser read them: the other
 * one makes an object of them first, which is 3 % of a request.
 */
class Http1Exchange implements Exchange {
  readonly #handler: ExchangeHandler;
  #abort: ((error: Error) => void) | undefined;
  rawHeaders = NO_LINES;
  rawTrailers = NO_LINES;
  readonly headOnly = false;

  constructor(handler: ExchangeHandler) {
    this.#handler = handler;
  }

  abort(error: Error): void {
    this.#abort?.(error);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    this.#handler.onRequestStart(this);
  }

  /** @returns `true`: the parser is never paused, see {@link SocketGate} */
  onHeaders(status: number, lines: readonly Buffer[]): boolean {
    this.rawHeaders = lines;
    this.#handler.onResponseStart(this, status);
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData(chunk);
    return true;
  }

  onComplete(trailers: readonly Buffer[]): void {
    this.rawTrailers = trailers;
    this.#handler.onResponseEnd(this);
  }

  onUpgrade(_status: number, lines: readonly Buffer[], socket: Duplex): void {
    this.rawHeaders = lines;
    this.#handler.onRequestUpgrade(this, socket);
  }

  onError(error: Error): void {
    this.#handler.onResponseError(error);
  }
}

/** One connection of HTTP/1.1: dials when a request needs it, and again after the connection has ended. */
class UpstreamConnection implements TargetConnection {
  readonly #client: Client;
  readonly #serverName: string;
  #gate: SocketGate | undefined;
  /** Trailers of the current request, or of the last one. */
  #trailers: DispatchRequest['trailers'];

  constructor(settings: ConnectionSettings, dial: Dial) {
    const { address, keepAliveTimeoutMs, tls } = settings;
    const { hostname, origin } = address;
    // the client would else take the `Host` of each request for the name of the server's certificate
    this.#serverName = tls?.serverName ?? hostname;
    this.#client = new Client(origin, {
      pipelining: 1,
      // the gateway's own deadlines know whether upstream, client or agent is waited for
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(keepAliveTimeoutMs !== undefined && {
        keepAliveTimeout: keepAliveTimeoutMs,
        // bounds what a server names in `keep-alive: timeout`
        keepAliveMaxTimeout: keepAliveTimeoutMs,
      }),
      connect: (_options, callback) =>
        dial((...args) => {
          // undici's client never sends again after the error with the code of a certificate for another name: it gets none
          if (args[0] !== null) return callback(new Error('no connection', { cause: args[0] }), null);
          this.#gate = new SocketGate(args[1]);
          if (this.#trailers !== undefined) this.#gate.trailWith(this.#trailers);
          callback(null, args[1]);
        }),
    });
  }

  /** Gate of the current socket, or of the last one. */
  get gate(): SocketGate | undefined {
    return this.#gate;
  }

  get isConnected(): boolean {
    return this.#client.stats.connected;
  }

  dispatch({ method, path, headers, body, upgrade, trailers }: DispatchRequest, handler: ExchangeHandler): void {
    if (trailers !== this.#trailers) {
      this.#trailers = trailers;
      this.#gate?.trailWith(trailers);
    }
    const options = { method, path, headers, body, upgrade, servername: this.#serverName };
    const exchange = new Http1Exchange(handler);
    // its types have text where its client gives bytes
    this.#client.dispatch(
      options as unknown as Dispatcher.DispatchOptions,
      exchange as unknown as Dispatcher.DispatchHandler,
    );
  }

  destroy(): Promise<void> {
    return this.#client.destroy();
  }
}

const bytes = (pem: string | Uint8Array | undefined): string | Buffer | undefined =>
  pem === undefined || typeof pem === 'string' ? pem : Buffer.from(pem);

/** Returns a function that dials; it fails after `connectTimeoutMs`. @param allowH2 offers HTTP/2 (ALPN) */
export function dialTo(settings: ConnectionSettings, allowH2: boolean): Dial {
  const { address, dialAddress, connectTimeoutMs, tls } = settings;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2,
    ...(address.socketPath !== undefined && { socketPath: address.socketPath }),
    ...(tls !== undefined && {
      ca: bytes(tls.ca),
      cert: bytes(tls.cert),
      key: bytes(tls.key),
      rejectUnauthorized: tls.verify ?? true,
    }),
  });
  const { hostname, host, origin } = address;
  const { port, protocol } = new URL(origin);
  const serverName = tls?.serverName ?? hostname;
  // SNI has no IP addresses
  const servername = isIP(serverName) === 0 && !serverName.startsWith('[') ? serverName : undefined;
  // URLs have IPv6 addresses in brackets
  const dialled = dialAddress ?? hostname.replace(/^\[(.*)\]$/, '$1');
  const options = { hostname: dialled, host, port, protocol, servername } as buildConnector.Options;
  return (callback) => connect(options, callback);
}

/** Returns connections of HTTP/1.1. */
export function connectionsTo(settings: ConnectionSettings): TargetConnections {
  const dial = dialTo(settings, false);
  return { max: settings.connections, create: () => new UpstreamConnection(settings, dial) };
}
