import { systemClock, type Clock } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';

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
export interface ResolvedMemoryOptions {
  readonly ids: 'number' | 'text';
  readonly maxMessageBytes: number;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
}

/** Defaults of `createMemoryTransport`. */
export const MEMORY_DEFAULTS: ResolvedMemoryOptions = Object.freeze<ResolvedMemoryOptions>({
  ids: 'number',
  maxMessageBytes: 16 * 1024 * 1024,
  closeTimeoutMs: 10_000,
  clock: systemClock,
});

const TABLE: OptionTable<MemoryTransportOptions> = {
  ids: OPTION.oneOf('number', 'text'),
  maxMessageBytes: OPTION.integer(1024, 2 ** 31),
  closeTimeoutMs: OPTION.integer(1, 86_400_000),
  clock: OPTION.clock,
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveMemoryOptions(options: MemoryTransportOptions): ResolvedMemoryOptions {
  const { ids, maxMessageBytes, closeTimeoutMs, clock } = checkOptions('createMemoryTransport', options, TABLE);
  return {
    ids: ids ?? MEMORY_DEFAULTS.ids,
    maxMessageBytes: maxMessageBytes ?? MEMORY_DEFAULTS.maxMessageBytes,
    closeTimeoutMs: closeTimeoutMs ?? MEMORY_DEFAULTS.closeTimeoutMs,
    clock: clock ?? MEMORY_DEFAULTS.clock,
  };
}
