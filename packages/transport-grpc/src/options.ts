import {
  AgentwireError,
  checkInteger,
  checkKnownOptions,
  silentLogger,
  systemClock,
  type Clock,
  type Logger,
} from '@agentwire/core';

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
  /** Whether a listener turns away who shows no certificate of `ca` (mutual TLS); default `false`. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** Options of `createGrpcTransport`. */
export interface GrpcTransportOptions {
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
  /** How long `close` waits for a peer that takes nothing, in milliseconds, before it drops the rest; default 10 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Where surprises are logged; default nowhere. */
  readonly logger?: Logger | undefined;
}

/** {@link GrpcTransportOptions} with every default filled in. */
export interface ResolvedGrpcOptions {
  readonly tls: GrpcTlsOptions | undefined;
  readonly maxMessageBytes: number;
  readonly maxStreamsPerSession: number;
  readonly maxSessionMemoryMb: number;
  readonly maxStreamResets: number;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longest gRPC message of the protocol, in bytes (10 MiB). */
export const MAX_GRPC_MESSAGE_BYTES: number = 10 * 1024 * 1024;

/** What `createGrpcTransport` assumes where nothing is said. */
export const GRPC_TRANSPORT_DEFAULTS: ResolvedGrpcOptions = Object.freeze<ResolvedGrpcOptions>({
  tls: undefined,
  maxMessageBytes: MAX_GRPC_MESSAGE_BYTES,
  maxStreamsPerSession: 256,
  maxSessionMemoryMb: 16,
  maxStreamResets: 200,
  closeTimeoutMs: 10_000,
  clock: systemClock,
  logger: silentLogger,
});

const TLS_KEYS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'requireClientCertificate'];

function checkTls(tls: GrpcTlsOptions): GrpcTlsOptions {
  checkKnownOptions('tls', tls, TLS_KEYS);
  if ((tls.cert === undefined) === (tls.key === undefined)) return tls;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', 'tls.cert and tls.key go together, got only one of them');
}

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveGrpcOptions(options: GrpcTransportOptions): ResolvedGrpcOptions {
  const defaults = GRPC_TRANSPORT_DEFAULTS;
  checkKnownOptions('createGrpcTransport', options, Object.keys(defaults));
  const integer = (name: keyof GrpcTransportOptions & keyof ResolvedGrpcOptions, min: number, max: number): number =>
    checkInteger(name, options[name] ?? defaults[name], min, max);
  return {
    tls: options.tls === undefined ? undefined : checkTls(options.tls),
    maxMessageBytes: integer('maxMessageBytes', 64 * 1024, MAX_GRPC_MESSAGE_BYTES),
    maxStreamsPerSession: integer('maxStreamsPerSession', 1, 65_536),
    maxSessionMemoryMb: integer('maxSessionMemoryMb', 1, 4096),
    maxStreamResets: integer('maxStreamResets', 1, 1_000_000),
    closeTimeoutMs: integer('closeTimeoutMs', 1, 86_400_000),
    clock: options.clock ?? defaults.clock,
    logger: options.logger ?? defaults.logger,
  };
}
