import { checkInteger, checkKnownOptions, checkOneOf } from '@agentwire/core/internal';

/** Options of one inbox. */
export interface InboxOptions {
  /** Messages it holds at most, signals not counted; 1 to 1 000 000. Default 1024. */
  readonly capacity?: number;
  /**
   * Handling of a message for a full inbox. Default `reject`.
   *
   * `reject` fails the send with `ERR_INBOX_FULL`; `dropOldest` moves the oldest to the dead letters;
   * `block` keeps the sender waiting for `blockMs`, or until the deadline of the message, and then fails with `ERR_TIMEOUT`.
   */
  readonly overflow?: 'reject' | 'dropOldest' | 'block';
  /** Milliseconds that a sender waits under `block`, 1 to 3 600 000. Default 5000. */
  readonly blockMs?: number;
  /** Senders that wait under `block` at most; the next one fails with `ERR_INBOX_FULL`. Default 1024. */
  readonly maxBlocked?: number;
  /**
   * Signals it holds at most, 1 to 1 000 000. Default 256.
   *
   * Past that the oldest one of an agent that is no `Kill` becomes a dead letter; signals of the kernel are evicted by the kernel's only.
   */
  readonly signalCapacity?: number;
}

/** {@link InboxOptions} with everything filled in. */
export type ResolvedInboxOptions = Required<InboxOptions>;

/** Defaults of {@link InboxOptions}. */
const INBOX_DEFAULTS: ResolvedInboxOptions = Object.freeze({
  capacity: 1024,
  overflow: 'reject',
  blockMs: 5000,
  maxBlocked: 1024,
  signalCapacity: 256,
});

const KNOWN = Object.keys(INBOX_DEFAULTS);

/** Completes inbox options with {@link INBOX_DEFAULTS}; throws `ERR_INVALID_ARGUMENT` for what it does not know. */
export function resolveInboxOptions(options: InboxOptions = {}): ResolvedInboxOptions {
  checkKnownOptions('an inbox', options, KNOWN);
  const all = { ...INBOX_DEFAULTS, ...options };
  checkInteger('capacity', all.capacity, 1, 1_000_000);
  checkInteger('blockMs', all.blockMs, 1, 3_600_000);
  checkInteger('maxBlocked', all.maxBlocked, 1, 1_000_000);
  checkInteger('signalCapacity', all.signalCapacity, 1, 1_000_000);
  checkOneOf('overflow', all.overflow, ['reject', 'dropOldest', 'block']);
  return all;
}
