import type { AgentwireError } from '../errors.ts';
import type { Connection, ConnectionHandler } from './connection.ts';
import type { Credential, Hello, Role } from './peer.ts';

/**
 * Takes a new connection and gives its handler; called once, synchronously, before anything after the handshake is
 * delivered. On the listening side what it sends leaves together with the handshake's answer, and a throw refuses the
 * peer with the error's message and lets nothing else leave.
 */
export type OnConnection = (connection: Connection) => ConnectionHandler;

/** Options of {@link Transport.connect}. */
export interface ConnectOptions {
  /** Handshake of this side; its role decides which side is the proxy. */
  readonly self: Hello;
  readonly onConnection: OnConnection;
  /** Ends the attempt with `ERR_ABORTED`; without effect once connected. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline for dialling and handshake together, in milliseconds; default 10 000. Past it: `ERR_TIMEOUT`. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** Options of {@link Transport.listen}. */
export interface ListenOptions {
  /** Handshake of this side; its role decides which side is the proxy. */
  readonly self: Hello;
  readonly onConnection: OnConnection;
  /** Deadline for one peer's handshake, in milliseconds; default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Limit of pending handshakes; past it the oldest one is evicted. Default 64. */
  readonly maxPendingHandshakes?: number | undefined;
  /** Limit of open connections; past it a peer is refused with `ERR_OVERLOADED`. Default 1 024. */
  readonly maxConnections?: number | undefined;
  /**
   * Decides who may connect, before anything else learns of the peer; a throw or rejection refuses it. `signal` is
   * aborted when the peer leaves or the handshake's deadline passes.
   */
  authorize?(peer: Hello, credential: Credential, signal: AbortSignal): void | Promise<void>;
  /**
   * Time from an error of `authorize`, or from an opening that could not be read, to the refusal, in milliseconds; default none. A peer
   * that waits for it occupies no slot of `maxPendingHandshakes`; up to 512 wait at a time, past that the oldest is dropped. Set it against
   * guessing and floods: a peer that retries costs least while it waits. Must not throw.
   */
  refusalDelayMs?(refusal: AgentwireError, address: string | undefined): number;
}

/** A bound address. */
export interface Listener extends AsyncDisposable {
  /** The address in the grammar of `parseEndpoint`, with the real port: can be passed to `connect`. */
  readonly address: string;
  /** Open connections that came in here. */
  readonly connectionCount: number;
  /** Stops listening and drops unfinished handshakes; open connections live on. Idempotent; always resolves. */
  close(): Promise<void>;
}

/** Keys and certificates with which one side dials; each PEM text or bytes. */
export interface ClientTls {
  /** Authorities that the listener's certificate must come from; default those that Node knows. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Own certificate chain, for a listener that asks for one (mutual TLS); goes with `key`. */
  readonly cert?: string | Uint8Array | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
  /** Passphrase of `key`, where it has one. */
  readonly passphrase?: string | undefined;
  /** Name that the listener's certificate must have; default the host that is dialled. */
  readonly serverName?: string | undefined;
}

/** A way to carry messages: one object for both ends. */
export interface Transport {
  /** For logs and tables: `uds`, `grpc`, `memory`… */
  readonly name: string;
  /** Address schemes it serves, without the colon. */
  readonly schemes: readonly string[];
  /** Roles that may dial with it. `agent` among them means that it can carry reverse connections. */
  readonly dials: readonly Role[];
  /**
   * Dials `address` and does the handshake.
   *
   * @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_REFUSED`, `ERR_VERSION_MISMATCH`,
   * `ERR_PROTOCOL`, `ERR_UNAUTHORIZED`, `ERR_INVALID_ADDRESS`, `ERR_UNSUPPORTED`.
   */
  connect(address: string, options: ConnectOptions): Promise<Connection>;
  /** Binds `address`. @throws AgentwireError `ERR_CONNECT` when it cannot be bound, `ERR_INVALID_ADDRESS`. */
  listen(address: string, options: ListenOptions): Promise<Listener>;
  /**
   * Returns the same transport that dials with other keys and certificates; what `tls` does not have stays. Absent where the
   * transport has none of its own.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT`
   */
  withTls?(tls: ClientTls): Transport;
}

/** Deadline of a handshake unless specified, in milliseconds. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
/** Unfinished handshakes of a listener unless specified. */
export const DEFAULT_MAX_PENDING_HANDSHAKES = 64;
/** Open connections of a listener unless specified. */
export const DEFAULT_MAX_CONNECTIONS = 1024;
