import { systemClock, type Clock, type Logger } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable, countRepeats, silentLogger } from '@agentwire/core/internal';
import type { VersionOneProtocol } from '@agentwire/wire-codec';
import type { HandshakeShape } from '@agentwire/wire-codec/internal';

/** Which dialect to ask for when dialling; `auto` lets the other side choose. */
export type DialectChoice = 'auto' | 'documented' | 'zentinel';

/** Options that every stream transport takes. */
export interface StreamOptions {
  /**
   * Which dialect to ask for when dialling; default `auto`: one request that both kinds of peer understand. A listener
   * always answers in the dialect it is asked in.
   */
  readonly dialect?: DialectChoice | undefined;
  /** How long `close` waits for the other side, in milliseconds, before it drops the rest; default 5 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Where refused peers and unknown message types are logged; default silent. */
  readonly logger?: Logger | undefined;
  /**
   * Serves proxies of protocol version 1 where an agent listens; `versionOne` of `@agentwire/v1`. Default: they are
   * dropped with `ERR_VERSION_MISMATCH` in the log. Their first frame is an event of up to 16 MiB, which a peer may then
   * make the listener hold until the handshake's deadline.
   */
  readonly versionOne?: VersionOneProtocol | undefined;
}

/** {@link StreamOptions} with every default filled in. */
export interface ResolvedStreamOptions {
  readonly shape: HandshakeShape;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly versionOne: VersionOneProtocol | undefined;
}

/** Options of `createUdsTransport`. */
export interface UdsTransportOptions extends StreamOptions {
  /** Mode of the socket files that it binds, as in `chmod`; default 0o600, only this user. 0o660 lets a group in. */
  readonly mode?: number | undefined;
}

/** {@link UdsTransportOptions} with every default filled in. */
export interface ResolvedUdsOptions extends ResolvedStreamOptions {
  readonly mode: number;
}

/** Options with a value for every key. */
export type Filled<Options> = { readonly [Key in keyof Options]-?: NonNullable<Options[Key]> };

/** {@link StreamOptions} without what has no default. */
export type StreamDefaults = Filled<Omit<StreamOptions, 'versionOne'>>;

/** The check of every option in {@link StreamOptions}. */
export const STREAM_TABLE: OptionTable<StreamOptions> = {
  dialect: OPTION.oneOf('auto', 'documented', 'zentinel'),
  closeTimeoutMs: OPTION.integer(1, 86_400_000),
  clock: OPTION.clock,
  logger: OPTION.logger,
  versionOne: OPTION.object,
};

/** What the stream transports assume where nothing is said. */
export const STREAM_DEFAULTS: StreamDefaults = Object.freeze<StreamDefaults>({
  dialect: 'auto',
  closeTimeoutMs: 5_000,
  clock: systemClock,
  logger: silentLogger,
});

/** {@link UdsTransportOptions} without what has no default. */
export type UdsDefaults = Filled<Omit<UdsTransportOptions, 'versionOne'>>;

/** What `createUdsTransport` assumes where nothing is said. */
export const UDS_DEFAULTS: UdsDefaults = Object.freeze<UdsDefaults>({
  ...STREAM_DEFAULTS,
  mode: 0o600,
});

const UDS_TABLE: OptionTable<UdsTransportOptions> = { ...STREAM_TABLE, mode: OPTION.integer(0, 0o777) };

/** Fills in the defaults that all stream transports share, in options that were checked. */
export function resolveStreamOptions(options: StreamOptions): ResolvedStreamOptions {
  const choice = options.dialect ?? STREAM_DEFAULTS.dialect;
  return {
    shape: choice === 'auto' ? 'union' : choice,
    closeTimeoutMs: options.closeTimeoutMs ?? STREAM_DEFAULTS.closeTimeoutMs,
    clock: options.clock ?? STREAM_DEFAULTS.clock,
    logger: countRepeats(options.logger ?? STREAM_DEFAULTS.logger, options.clock ?? STREAM_DEFAULTS.clock),
    versionOne: options.versionOne,
  };
}

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value. */
export function resolveUdsOptions(options: UdsTransportOptions): ResolvedUdsOptions {
  checkOptions('createUdsTransport', options, UDS_TABLE);
  return { ...resolveStreamOptions(options), mode: options.mode ?? UDS_DEFAULTS.mode };
}
