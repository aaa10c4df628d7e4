import { AgentwireError, systemClock, type Clock, type Logger } from '@agentwire/core';
import {
  countRepeats,
  OPTION,
  type OptionRows,
  type Resolved,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import { SOCKET_FILE_TABLE, type SocketFileOptions } from '@agentwire/transport-framed/internal';

/** Keys and certificates for `grpcs:`; each PEM text or bytes. */
export interface GrpcTlsOptions {
  /** Authorities that the other side's certificate must come from; default those that Node knows. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Own certificate chain; a listener needs it, a dialling side where it is asked for. */
  readonly cert?: string | Uint8Array | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
  /** Passphrase of `key`, where it has one. */
  readonly passphrase?: string | undefined;
  /** Host name that the listener's certificate must have; default the host of the address. */
  readonly servername?: string | undefined;
  /** Makes a listener refuse peers without a certificate of `ca` (mutual TLS); default `false`. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** Options of `createGrpcTransport`. */
export interface GrpcTransportOptions extends SocketFileOptions {
  /** Keys and certificates; needed to listen on `grpcs:`, optional to dial it. */
  readonly tls?: GrpcTlsOptions | undefined;
  /** Longest gRPC message to send and to take, in bytes; default and most 10 MiB. Past it `ERR_MESSAGE_TOO_LARGE`. */
  readonly maxMessageBytes?: number | undefined;
  /** Streams that one HTTP/2 session may have open at a time on a listener; default 256. */
  readonly maxStreamsPerSession?: number | undefined;
  /** Memory that one HTTP/2 session may use, in MB; default 16. */
  readonly maxSessionMemoryMb?: number | undefined;
  /** Streams that a peer may reset in a burst before its session ends; default 200, refilled at a tenth of it a second. */
  readonly maxStreamResets?: number | undefined;
  /** Time in milliseconds that `close` waits for a peer that reads nothing before it drops the rest; default 10 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Receives warnings and errors; default none. */
  readonly logger?: Logger | undefined;
}

/** {@link GrpcTransportOptions} with every default filled in. */
export type ResolvedGrpcOptions = Omit<Resolved<GrpcTransportOptions>, 'tls' | 'mode' | 'group'> &
  Pick<GrpcTransportOptions, 'tls' | 'mode' | 'group'>;

/** Longest gRPC message of the protocol, in bytes (10 MiB). */
export const MAX_GRPC_MESSAGE_BYTES: number = 10 * 1024 * 1024;

const ROWS: OptionRows<GrpcTransportOptions> = {
  ...SOCKET_FILE_TABLE,
  tls: {
    check: OPTION.nested<GrpcTlsOptions>({
      ca: OPTION.oneOrMore(OPTION.pem),
      cert: OPTION.pem,
      key: OPTION.pem,
      passphrase: OPTION.secret,
      servername: OPTION.text,
      requireClientCertificate: OPTION.boolean,
    }),
  },
  maxMessageBytes: { check: OPTION.integer(64 * 1024, MAX_GRPC_MESSAGE_BYTES), default: MAX_GRPC_MESSAGE_BYTES },
  maxStreamsPerSession: { check: OPTION.integer(1, 65_536), default: 256 },
  maxSessionMemoryMb: { check: OPTION.integer(1, 4096), default: 16 },
  maxStreamResets: { check: OPTION.integer(1, 1_000_000), default: 200 },
  closeTimeoutMs: { check: OPTION.integer(1, 86_400_000), default: 10_000 },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value. */
export function resolveGrpcOptions(options: GrpcTransportOptions): ResolvedGrpcOptions {
  const resolved = resolveOptions('createGrpcTransport', options, ROWS);
  const { tls, mode, group } = options;
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'tls.cert and tls.key go together, got only one of them');
  return { ...resolved, tls, mode, group, logger: countRepeats(resolved.logger, resolved.clock) };
}

/** Defaults of `createGrpcTransport`. */
export const GRPC_TRANSPORT_DEFAULTS: ResolvedGrpcOptions = Object.freeze(resolveGrpcOptions({}));
