import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionRows, type Resolved, resolveOptions } from '@agentwire/core/internal';
import type { Pid, ReceivedMessage } from '@agentwire/a2a-router';

/** Handles one message; it is acknowledged when the promise resolves and comes again when it rejects. */
export type DurableHandler = (message: ReceivedMessage) => void | Promise<void>;

/** Options of a durable inbox. */
export interface DurableInboxOptions {
  /** Process that handles the messages and in whose name answers go back. Default 0, the kernel. */
  readonly pid?: Pid | undefined;
  /** Messages in hand at once, 1 to 10 000. Default 16; 1 keeps the order of one sender. */
  readonly concurrency?: number | undefined;
  /** Messages that the server lets be in hand before it waits for acknowledgements. Default 256. */
  readonly maxAckPending?: number | undefined;
  /** Milliseconds without a sign of life from the handler's process after which the server delivers again. Default 30 000. */
  readonly ackWaitMs?: number | undefined;
  /** Deliveries after which a message is a dead letter, 1 to 1000. Default 5. */
  readonly maxDeliver?: number | undefined;
  /** Milliseconds to wait before each further delivery; the last one counts for all after it. Default 1 s, 5 s, 30 s. */
  readonly backoffMs?: readonly number[] | undefined;
  /** Handled messages whose keys are remembered, so that none is handled twice by this process. Default 10 000. */
  readonly rememberedKeys?: number | undefined;
}

/** {@link DurableInboxOptions} with everything filled in. */
export type ResolvedDurableInboxOptions = Resolved<DurableInboxOptions>;

const MAX_BACKOFFS = 1000;

const checkWaits = OPTION.listOf(OPTION.integer(0, 86_400_000));

const ROWS: OptionRows<DurableInboxOptions> = {
  pid: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: 0 },
  concurrency: { check: OPTION.integer(1, 10_000), default: 16 },
  maxAckPending: { check: OPTION.integer(1, 1_000_000), default: 256 },
  ackWaitMs: { check: OPTION.integer(100, 86_400_000), default: 30_000 },
  maxDeliver: { check: OPTION.integer(1, 1000), default: 5 },
  backoffMs: {
    check: (name, value) => {
      checkWaits(name, value);
      if ((value as readonly unknown[]).length <= MAX_BACKOFFS) return;
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${name} must be a list of at most ${MAX_BACKOFFS} milliseconds`,
      );
    },
    default: Object.freeze([1000, 5000, 30_000]),
  },
  rememberedKeys: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
};

/** Checks the options of an inbox and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveDurableInboxOptions(options: DurableInboxOptions = {}): ResolvedDurableInboxOptions {
  return resolveOptions('a durable inbox', options, ROWS);
}
