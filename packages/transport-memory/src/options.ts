import { checkInteger, checkKnownOptions, checkOneOf, systemClock, type Clock } from '@agentwire/core';

/** Options of `createMemoryTransport`. */
export interface MemoryTransportOptions {
  /** What kind of request ids its connections ask for; default `number`. Sessions must work with both. */
  readonly ids?: 'number' | 'text' | undefined;
  /** Longest message in bytes, as estimated; default 16 MiB. Past it `send` throws `ERR_MESSAGE_TOO_LARGE`. */
  readonly maxMessageBytes?: number | undefined;
  /** How long `close` waits for a peer that takes nothing, in milliseconds, before it drops the rest; default 10 000. */
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

/** What `createMemoryTransport` assumes where nothing is said. */
export const MEMORY_DEFAULTS: ResolvedMemoryOptions = Object.freeze<ResolvedMemoryOptions>({
  ids: 'number',
  maxMessageBytes: 16 * 1024 * 1024,
  closeTimeoutMs: 10_000,
  clock: systemClock,
});

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveMemoryOptions(options: MemoryTransportOptions): ResolvedMemoryOptions {
  checkKnownOptions('createMemoryTransport', options, Object.keys(MEMORY_DEFAULTS));
  const { ids, maxMessageBytes, closeTimeoutMs, clock } = options;
  return {
    ids: checkOneOf('ids', ids ?? MEMORY_DEFAULTS.ids, ['number', 'text']),
    maxMessageBytes: checkInteger('maxMessageBytes', maxMessageBytes ?? MEMORY_DEFAULTS.maxMessageBytes, 1024, 2 ** 31),
    closeTimeoutMs: checkInteger('closeTimeoutMs', closeTimeoutMs ?? MEMORY_DEFAULTS.closeTimeoutMs, 1, 86_400_000),
    clock: clock ?? MEMORY_DEFAULTS.clock,
  };
}
