import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import type { Pid, ReceivedMessage } from '@agentwire/a2a-router';

/** Handles one message; it is acknowledged when the promise resolves and comes again when it rejects. */
export type DurableHandler = (message: ReceivedMessage) => void | Promise<void>;

/** Options of a durable inbox. */
export interface DurableInboxOptions {
  /** Process that handles the messages and in whose name answers go back. Default 0, the kernel. */
  readonly pid?: Pid;
  /** Messages in hand at once, 1 to 10 000. Default 16; 1 keeps the order of one sender. */
  readonly concurrency?: number;
  /** Messages that the server lets be in hand before it waits for acknowledgements. Default 256. */
  readonly maxAckPending?: number;
  /** Milliseconds without a sign of life from the handler's process after which the server delivers again. Default 30 000. */
  readonly ackWaitMs?: number;
  /** Deliveries after which a message is a dead letter, 1 to 1000. Default 5. */
  readonly maxDeliver?: number;
  /** Milliseconds to wait before each further delivery; the last one counts for all after it. Default 1 s, 5 s, 30 s. */
  readonly backoffMs?: readonly number[];
  /** Handled messages whose keys are remembered, so that none is handled twice by this process. Default 10 000. */
  readonly rememberedKeys?: number;
}

/** {@link DurableInboxOptions} with everything filled in. */
export type ResolvedDurableInboxOptions = Required<DurableInboxOptions>;

/** Defaults of {@link DurableInboxOptions}. */
const DURABLE_INBOX_DEFAULTS: ResolvedDurableInboxOptions = Object.freeze({
  pid: 0,
  concurrency: 16,
  maxAckPending: 256,
  ackWaitMs: 30_000,
  maxDeliver: 5,
  backoffMs: Object.freeze([1000, 5000, 30_000]),
  rememberedKeys: 10_000,
});

const MAX_BACKOFFS = 1000;

/** Completes inbox options with {@link DURABLE_INBOX_DEFAULTS}; throws `ERR_INVALID_ARGUMENT` for what it does not know. */
export function resolveDurableInboxOptions(options: DurableInboxOptions = {}): ResolvedDurableInboxOptions {
  checkKnownOptions('a durable inbox', options, Object.keys(DURABLE_INBOX_DEFAULTS));
  const all = { ...DURABLE_INBOX_DEFAULTS, ...options };
  checkInteger('pid', all.pid, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('concurrency', all.concurrency, 1, 10_000);
  checkInteger('maxAckPending', all.maxAckPending, 1, 1_000_000);
  checkInteger('ackWaitMs', all.ackWaitMs, 100, 86_400_000);
  checkInteger('maxDeliver', all.maxDeliver, 1, 1000);
  checkInteger('rememberedKeys', all.rememberedKeys, 1, 10_000_000);
  if (!Array.isArray(all.backoffMs) || all.backoffMs.length > MAX_BACKOFFS) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `backoffMs must be a list of at most ${MAX_BACKOFFS} milliseconds`,
    );
  }
  for (const wait of all.backoffMs) checkInteger('backoffMs', wait, 0, 86_400_000);
  return all;
}
