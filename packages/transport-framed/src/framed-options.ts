import { systemClock, type Clock, type Logger } from '@agentwire/core';
import { checkOptions, countRepeats, OPTION, type OptionTable, silentLogger } from '@agentwire/core/internal';
import type { VersionOneProtocol } from '@agentwire/wire-codec';
import type { HandshakeShape } from '@agentwire/wire-codec/internal';

/** Dialect to ask for when dialling; `auto` leaves the choice to the other side. */
export type DialectChoice = 'auto' | 'documented' | 'zentinel';

/** Options of every transport that `createFramedTransport` makes. */
export interface FramedOptions {
  /**
   * Dialect to ask for when dialling; default `auto`: one request that both kinds of peer understand. A listener always
   * answers in the dialect it is asked in.
   */
  readonly dialect?: DialectChoice | undefined;
  /** Time that `close` waits for the other side before it drops the rest, in milliseconds; default 5 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Receives refused peers and unknown message types; default silent. */
  readonly logger?: Logger | undefined;
  /**
   * Serves proxies of protocol version 1 where an agent listens; `versionOne` of `@agentwire/v1`. Default: they are
   * dropped with `ERR_VERSION_MISMATCH` in the log. Their first frame is an event of up to 16 MiB, which an unadmitted peer
   * can make the listener buffer until the handshake's deadline.
   */
  readonly versionOne?: VersionOneProtocol | undefined;
}

/** Checks of {@link FramedOptions}, to be spread into the table of a transport's own options. */
export const FRAMED_TABLE: OptionTable<FramedOptions> = {
  dialect: OPTION.oneOf('auto', 'documented', 'zentinel'),
  closeTimeoutMs: OPTION.integer(1, 86_400_000),
  clock: OPTION.clock,
  logger: OPTION.logger,
  versionOne: OPTION.object,
};

/** {@link FramedOptions} with every default filled in. */
export interface ResolvedFramedOptions {
  readonly shape: HandshakeShape;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly versionOne: VersionOneProtocol | undefined;
}

/** Fills in the defaults; `name` is the transport's, for errors. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value. */
export function resolveFramedOptions(name: string, options: FramedOptions): ResolvedFramedOptions {
  checkOptions(`the ${name} transport`, options, FRAMED_TABLE);
  const { dialect = 'auto', closeTimeoutMs = 5_000, clock = systemClock, logger = silentLogger, versionOne } = options;
  const shape = dialect === 'auto' ? 'union' : dialect;
  return { shape, closeTimeoutMs, clock, logger: countRepeats(logger, clock), versionOne };
}
