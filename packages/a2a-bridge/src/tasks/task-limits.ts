import { Task } from '@a2a-js/sdk';
import type { TaskStore } from '@a2a-js/sdk/server';
import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionRows, type Resolved } from '@agentwire/core/internal';

/** Bounds of one task in a store. */
export interface TaskLimits {
  /** Messages of the history that are kept, 1 to 100 000; the oldest are dropped. Default 100. */
  readonly maxHistory?: number | undefined;
  /** Bytes of one task as JSON, 16 384 to 1 GiB; older messages are dropped first, and a task that is longer still is refused. Default 4 MiB. */
  readonly maxTaskBytes?: number | undefined;
}

/** A task store that says how long a task may be, so that an answer is ended before it cannot be kept. */
export interface BoundedTaskStore extends TaskStore {
  /** Bytes of one task as JSON. */
  readonly maxTaskBytes?: number;
}

/** Rows of {@link TaskLimits}. */
export const TASK_LIMITS_ROWS: OptionRows<TaskLimits> = {
  maxHistory: { check: OPTION.integer(1, 100_000), default: 100 },
  maxTaskBytes: { check: OPTION.integer(16_384, 1024 * 1024 * 1024), default: 4 * 1024 * 1024 },
};

/** Task as JSON within its bounds. @throws `ERR_MESSAGE_TOO_LARGE` when it is too long without its history too */
export function encodeTask(task: Task, limits: Resolved<TaskLimits>): Buffer {
  let history = task.history.slice(-limits.maxHistory);
  for (;;) {
    const bytes = Buffer.from(JSON.stringify(Task.toJSON({ ...task, history })));
    if (bytes.length <= limits.maxTaskBytes) return bytes;
    if (history.length === 0) {
      throw new AgentwireError(
        'ERR_MESSAGE_TOO_LARGE',
        `a task of ${bytes.length} bytes is over maxTaskBytes (${limits.maxTaskBytes})`,
      );
    }
    history = history.slice(Math.ceil(history.length / 2));
  }
}

/** Task of its JSON. */
export function decodeTask(bytes: Uint8Array): Task {
  return Task.fromJSON(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()));
}
