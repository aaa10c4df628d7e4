import { OPTION, type OptionRows, type Resolved, resolveOptions } from '@agentwire/core/internal';

/** Options of one inbox. */
export interface InboxOptions {
  /** Messages it holds at most, signals not counted; 1 to 1 000 000. Default 1024. */
  readonly capacity?: number | undefined;
  /**
   * Bytes, roughly, of the messages it holds, and as many of its signals; 1024 to 64 GiB. Default 64 MiB.
   *
   * A message that alone is over it is taken while no other one waits.
   */
  readonly maxBytes?: number | undefined;
  /**
   * Handling of a message for a full inbox. Default `reject`.
   *
   * `reject` fails the send with `ERR_INBOX_FULL`; `dropOldest` moves the oldest to the dead letters;
   * `block` keeps the sender waiting for `blockMs`, or until the deadline of the message, and then fails with `ERR_TIMEOUT`.
   */
  readonly overflow?: 'reject' | 'dropOldest' | 'block' | undefined;
  /** Milliseconds that a sender waits under `block`, 1 to 3 600 000. Default 5000. */
  readonly blockMs?: number | undefined;
  /** Senders that wait under `block` at most; the next one fails with `ERR_INBOX_FULL`. Default 1024. */
  readonly maxBlocked?: number | undefined;
  /**
   * Signals it holds at most, 1 to 1 000 000. Default 256.
   *
   * Past that the oldest one of an agent that is no `Kill` becomes a dead letter; signals of the kernel are evicted by the kernel's only.
   */
  readonly signalCapacity?: number | undefined;
}

/** {@link InboxOptions} with everything filled in. */
export type ResolvedInboxOptions = Resolved<InboxOptions>;

/** Rows of {@link InboxOptions}. */
export const INBOX_ROWS: OptionRows<InboxOptions> = {
  capacity: { check: OPTION.integer(1, 1_000_000), default: 1024 },
  maxBytes: { check: OPTION.integer(1024, 64 * 1024 ** 3), default: 64 * 1024 ** 2 },
  overflow: { check: OPTION.oneOf('reject', 'dropOldest', 'block'), default: 'reject' },
  blockMs: { check: OPTION.integer(1, 3_600_000), default: 5000 },
  maxBlocked: { check: OPTION.integer(1, 1_000_000), default: 1024 },
  signalCapacity: { check: OPTION.integer(1, 1_000_000), default: 256 },
};

/** Checks the options of an inbox and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveInboxOptions(options: InboxOptions = {}): ResolvedInboxOptions {
  return resolveOptions('an inbox', options, INBOX_ROWS);
}
