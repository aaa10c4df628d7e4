import type { ListTasksRequest, ListTasksResponse, Task } from '@a2a-js/sdk';
import type { ServerCallContext } from '@a2a-js/sdk/server';
import { type Clock, systemClock } from '@agentwire/core';
import { OPTION, type OptionRows, type Resolved, resolveOptions } from '@agentwire/core/internal';
import { ownerOf } from '../call-context.ts';
import { type BoundedTaskStore, decodeTask, encodeTask, TASK_LIMITS_ROWS, type TaskLimits } from './task-limits.ts';
import { headOf, type TaskHead, taskPage } from './task-page.ts';

/** Options of a {@link MemoryTaskStore}. */
export interface MemoryTaskStoreOptions extends TaskLimits {
  /** Tasks, 1 to 10 000 000; the one that was longest without a change is dropped. Default 10 000. */
  readonly maxTasks?: number | undefined;
  /** Tasks of one caller, 1 to 10 000 000; its own oldest one is dropped. Default 1000. */
  readonly maxTasksPerCaller?: number | undefined;
  /** Bytes of all tasks, 1024 to 1 TiB; the oldest are dropped, first those of a caller that has more than half. Default 256 MiB. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds without a change after which a task is dropped, 1 to 31 536 000 000. Default 86 400 000, a day. */
  readonly maxAgeMs?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

const ROWS: OptionRows<MemoryTaskStoreOptions> = {
  ...TASK_LIMITS_ROWS,
  maxTasks: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  maxTasksPerCaller: { check: OPTION.integer(1, 10_000_000), default: 1000 },
  maxBytes: { check: OPTION.integer(1024, 1024 ** 4), default: 256 * 1024 * 1024 },
  maxAgeMs: { check: OPTION.integer(1, 31_536_000_000), default: 86_400_000 },
  clock: { check: OPTION.clock, default: systemClock },
};

interface Entry {
  readonly owner: string;
  readonly head: TaskHead;
  readonly bytes: Buffer;
  readonly savedAt: number;
}

interface OwnTasks {
  readonly ids: Set<string>;
  bytes: number;
}

/** Tasks in memory, bounded in number, bytes and age; a caller that has more than half of the bytes makes the room. */
export class MemoryTaskStore implements BoundedTaskStore {
  // in the order of the last change, so the first one is the oldest
  readonly #tasks = new Map<string, Entry>();
  readonly #byOwner = new Map<string, OwnTasks>();
  readonly #options: Resolved<MemoryTaskStoreOptions>;
  /** Tasks of the one caller that may have more than half of the bytes. */
  #largest: OwnTasks | undefined;
  #bytes = 0;

  constructor(options: MemoryTaskStoreOptions = {}) {
    this.#options = resolveOptions('a task store', options, ROWS);
  }

  /** Bytes of one task as JSON. */
  get maxTaskBytes(): number {
    return this.#options.maxTaskBytes;
  }

  /** Tasks that it holds. */
  get size(): number {
    this.#expire();
    return this.#tasks.size;
  }

  /** Keeps a task in the place of its last state. */
  save(task: Task, context: ServerCallContext): Promise<void> {
    return attempt(() => {
      const owner = ownerOf(context);
      const bytes = encodeTask(task, this.#options);
      this.#expire();
      this.#drop(task.id);
      const { maxTasks, maxTasksPerCaller, maxBytes, clock } = this.#options;
      const own = this.#byOwner.get(owner) ?? { ids: new Set(), bytes: 0 };
      if (own.ids.size >= maxTasksPerCaller) for (const oldest of own.ids.values().take(1)) this.#drop(oldest);
      this.#tasks.set(task.id, { owner, head: headOf(task), bytes, savedAt: clock.now() });
      this.#byOwner.set(owner, own);
      own.ids.add(task.id);
      own.bytes += bytes.length;
      this.#bytes += bytes.length;
      if (own.bytes > maxBytes / 2) this.#largest = own;
      while (this.#tasks.size > maxTasks || (this.#bytes > maxBytes && this.#tasks.size > 1)) this.#dropOldest();
    });
  }

  /** Task of a caller; undefined for one that is unknown, dropped or another caller's. */
  load(taskId: string, context: ServerCallContext): Promise<Task | undefined> {
    return attempt(() => {
      const owner = ownerOf(context);
      this.#expire();
      const entry = this.#tasks.get(taskId);
      return entry?.owner === owner ? decodeTask(entry.bytes) : undefined;
    });
  }

  /** One page of a caller's tasks, latest first. */
  list(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    return attempt(() => {
      this.#expire();
      const own = this.#byOwner.get(ownerOf(context))?.ids ?? [];
      const heads = [...own].flatMap((id) => this.#tasks.get(id)?.head ?? []);
      return taskPage(heads, params, (id) => this.#tasks.get(id)?.bytes);
    });
  }

  #expire(): void {
    const oldest = this.#options.clock.now() - this.#options.maxAgeMs;
    for (const [id, { savedAt }] of this.#tasks) {
      if (savedAt > oldest) return;
      this.#drop(id);
    }
  }

  /** Drops the oldest task of the caller that has more than half of the bytes, or of all callers where none has. */
  #dropOldest(): void {
    const { bytes, ids } = this.#largest ?? { bytes: 0, ids: new Set<string>() };
    const from = bytes > this.#options.maxBytes / 2 && ids.size > 1 ? ids : this.#tasks;
    for (const oldest of from.keys().take(1)) this.#drop(oldest);
  }

  #drop(id: string): void {
    const entry = this.#tasks.get(id);
    if (entry === undefined) return;
    this.#tasks.delete(id);
    this.#bytes -= entry.bytes.length;
    const own = this.#byOwner.get(entry.owner);
    if (own === undefined) return;
    own.ids.delete(id);
    own.bytes -= entry.bytes.length;
    if (own.ids.size === 0) this.#byOwner.delete(entry.owner);
  }
}

/** Promise of what a function gives back or throws. */
function attempt<T>(run: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
