import { systemClock, type Clock } from '@agentwire/core';
import { OPTION, type OptionRows, type Resolved, resolveOptions } from '@agentwire/core/internal';

/** Options of `createMemoryTransport`. */
export interface MemoryTransportOptions {
  /** Kind of request ids that its connections carry; default `number`. Sessions must work with both. */
  readonly ids?: 'number' | 'text' | undefined;
  /** Longest message in bytes, as estimated; default 16 MiB. Past it `send` throws `ERR_MESSAGE_TOO_LARGE`. */
  readonly maxMessageBytes?: number | undefined;
  /** Time in milliseconds that `close` waits for a peer that reads nothing before it drops the rest; default 10 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
}

/** {@link MemoryTransportOptions} with every default filled in. */
export type ResolvedMemoryOptions = Resolved<MemoryTransportOptions>;

const ROWS: OptionRows<MemoryTransportOptions> = {
  ids: { check: OPTION.oneOf('number', 'text'), default: 'number' },
  maxMessageBytes: { check: OPTION.integer(1024, 2 ** 31), default: 16 * 1024 * 1024 },
  closeTimeoutMs: { check: OPTION.integer(1, 86_400_000), default: 10_000 },
  clock: { check: OPTION.clock, default: systemClock },
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveMemoryOptions(options: MemoryTransportOptions): ResolvedMemoryOptions {
  return resolveOptions('createMemoryTransport', options, ROWS);
}

/** Defaults of `createMemoryTransport`. */
export const MEMORY_DEFAULTS: ResolvedMemoryOptions = Object.freeze(resolveMemoryOptions({}));
