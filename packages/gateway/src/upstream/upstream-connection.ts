import { isIP } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { UpstreamProtocol } from './upstream-config.ts';
import type { TargetConnection, TargetConnections } from './upstream-messages.ts';
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

/** One connection of HTTP/1.1: dials when a request needs it, and again after the connection has ended. */
class UpstreamConnection implements TargetConnection {
  readonly #client: Client;
  readonly #serverName: string;
  #gate: SocketGate | undefined;

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
        keepAliveMaxTimeout: Math.max(keepAliveTimeoutMs, 600_000),
      }),
      connect: (_options, callback) =>
        dial((...args) => {
          if (args[0] !== null) return callback(args[0], null);
          this.#gate = new SocketGate(args[1]);
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

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch({ ...options, servername: this.#serverName } as Dispatcher.DispatchOptions, handler);
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
