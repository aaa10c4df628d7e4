import { isIP } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { SocketGate } from './socket-gate.ts';
import type { UpstreamAddress } from './upstream-address.ts';
import type { UpstreamTls } from './upstream-config.ts';

/** Settings of the connections to one server. */
export interface ConnectionSettings {
  readonly address: UpstreamAddress;
  /** IP address that the host's name was resolved to; `undefined` to look it up for each connection. */
  readonly dialAddress: string | undefined;
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly keepAliveTimeoutMs: number | undefined;
}

/** One connection to the upstream: dials when a request needs it, and again after the connection has ended. */
export class UpstreamConnection {
  readonly #client: Client;
  readonly #serverName: string;
  #gate: SocketGate | undefined;

  constructor(settings: ConnectionSettings, connect: buildConnector.connector) {
    const { address, dialAddress, keepAliveTimeoutMs, tls } = settings;
    const { hostname, origin } = address;
    // the client would else take the `Host` of each request for the name of the server's certificate
    this.#serverName = tls?.serverName ?? hostname;
    // SNI has no IP addresses
    const sni = isIP(this.#serverName) === 0 && !this.#serverName.startsWith('[') ? this.#serverName : undefined;
    this.#client = new Client(origin, {
      pipelining: 1,
      // the gateway's own deadlines know whether upstream, client or agent is waited for
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(keepAliveTimeoutMs !== undefined && {
        keepAliveTimeout: keepAliveTimeoutMs,
        keepAliveMaxTimeout: Math.max(keepAliveTimeoutMs, 600_000),
      }),
      connect: (options, callback) => {
        const dialled = { ...options, servername: sni, ...(dialAddress !== undefined && { hostname: dialAddress }) };
        connect(dialled as buildConnector.Options, (...args) => {
          if (args[0] !== null) return callback(args[0], null);
          this.#gate = new SocketGate(args[1]);
          callback(null, args[1]);
        });
      },
    });
  }

  /** Gate of the current socket, or of the last one. */
  get gate(): SocketGate | undefined {
    return this.#gate;
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

/** Returns a function that creates connections; dialling fails after `connectTimeoutMs`. */
export function connectionsTo(settings: ConnectionSettings): () => UpstreamConnection {
  const { address, connectTimeoutMs, tls } = settings;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(address.socketPath !== undefined && { socketPath: address.socketPath }),
    ...(tls !== undefined && {
      ca: bytes(tls.ca),
      cert: bytes(tls.cert),
      key: bytes(tls.key),
      rejectUnauthorized: tls.verify ?? true,
    }),
  });
  return () => new UpstreamConnection(settings, connect);
}
