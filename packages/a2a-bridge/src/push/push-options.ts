import { OPTION, type OptionRows } from '@agentwire/core/internal';

/** Push notifications: which addresses may be posted to, and how much. */
export interface PushOptions {
  /** Posts to `http:` URLs too. Default false. */
  readonly allowHttp?: boolean | undefined;
  /** Posts to loopback, private, link-local and other addresses that are not public. For closed networks and tests only. Default false. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** Receivers of one task, 1 to 100. Default 4. */
  readonly maxConfigsPerTask?: number | undefined;
  /** Tasks with receivers, 1 to 1 000 000; the one whose receivers are oldest loses them. Default 10 000. */
  readonly maxTasks?: number | undefined;
  /** Notifications of one task that wait, 1 to 10 000; the oldest is dropped. Default 64. */
  readonly maxQueued?: number | undefined;
  /** Bytes of all notifications that wait, 64 KiB to 1 TiB, of which one caller has half; its oldest are dropped. Default 64 MiB. */
  readonly maxQueuedBytes?: number | undefined;
  /** Posts at once, 1 to 1000, of which one caller has half. Default 32. */
  readonly maxConcurrent?: number | undefined;
  /** Milliseconds for one post, from the look-up of the name to the status, 1 to 600 000. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

/** Rows of {@link PushOptions}. */
export const PUSH_ROWS: OptionRows<PushOptions> = {
  allowHttp: { check: OPTION.boolean, default: false },
  allowPrivateAddresses: { check: OPTION.boolean, default: false },
  maxConfigsPerTask: { check: OPTION.integer(1, 100), default: 4 },
  maxTasks: { check: OPTION.integer(1, 1_000_000), default: 10_000 },
  maxQueued: { check: OPTION.integer(1, 10_000), default: 64 },
  maxQueuedBytes: { check: OPTION.integer(65_536, 1024 ** 4), default: 64 * 1024 * 1024 },
  maxConcurrent: { check: OPTION.integer(1, 1000), default: 32 },
  timeoutMs: { check: OPTION.integer(1, 600_000), default: 5000 },
};
