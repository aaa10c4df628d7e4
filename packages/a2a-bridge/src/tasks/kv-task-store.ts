import { createHash } from 'node:crypto';
import type { ListTasksRequest, ListTasksResponse, Task } from '@a2a-js/sdk';
import type { ServerCallContext } from '@a2a-js/sdk/server';
import { checkMethods, OPTION, type OptionRows, type Resolved, resolveOptions } from '@agentwire/core/internal';
import { ownerOf } from '../call-context.ts';
import { type BoundedTaskStore, decodeTask, encodeTask, TASK_LIMITS_ROWS, type TaskLimits } from './task-limits.ts';
import { headOf, type TaskHead, taskPage } from './task-page.ts';

/** Key-value bucket of a {@link KvTaskStore}; a bucket of `@nats-io/kv` fits. */
export interface KeyValueBucket {
  /** Entry of a key, or null; an entry that was deleted has another operation than `PUT`. */
  get(key: string): Promise<{ readonly operation: string; readonly value: Uint8Array } | null>;
  /** Sets the value of a key. */
  put(key: string, value: Uint8Array): Promise<number>;
  /** Keys that a filter with wildcards matches. */
  keys(filter: string): Promise<AsyncIterable<string>>;
}

/** Options of a {@link KvTaskStore}. */
export interface KvTaskStoreOptions extends TaskLimits {
  /** Tasks of one caller that a list looks at, 1 to 100 000. Default 1000. */
  readonly maxListed?: number | undefined;
}

const ROWS: OptionRows<KvTaskStoreOptions> = {
  ...TASK_LIMITS_ROWS,
  maxTaskBytes: { ...TASK_LIMITS_ROWS.maxTaskBytes, default: 1024 * 1024 },
  maxListed: { check: OPTION.integer(1, 100_000), default: 1000 },
};
const TASK_ID = /^[\w-]{1,128}$/;

/**
 * Tasks in a key-value bucket of JetStream, where they outlive the process.
 *
 * Number and age of tasks are the bucket's own bounds (`max_bytes`, `ttl`, `history: 1`). `maxTaskBytes` is 1 MiB by default, the
 * server's usual maximum payload.
 */
export class KvTaskStore implements BoundedTaskStore {
  readonly #bucket: KeyValueBucket;
  readonly #options: Resolved<KvTaskStoreOptions>;

  constructor(bucket: KeyValueBucket, options: KvTaskStoreOptions = {}) {
    this.#bucket = checkMethods('bucket', bucket, ['get', 'put', 'keys']);
    this.#options = resolveOptions('a KV task store', options, ROWS);
  }

  /** Bytes of one task as JSON. */
  get maxTaskBytes(): number {
    return this.#options.maxTaskBytes;
  }

  /** Writes a task in the place of its last state. */
  async save(task: Task, context: ServerCallContext): Promise<void> {
    await this.#bucket.put(keyOf(ownerOf(context), task.id), encodeTask(task, this.#options));
  }

  /** Task of a caller; undefined for one that is unknown or another caller's. */
  async load(taskId: string, context: ServerCallContext): Promise<Task | undefined> {
    const owner = ownerOf(context);
    const kept = TASK_ID.test(taskId) ? await this.#read(keyOf(owner, taskId)) : undefined;
    return kept === undefined ? undefined : decodeTask(kept);
  }

  /** One page of a caller's tasks, latest first. */
  async list(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    const keys: string[] = [];
    for await (const key of await this.#bucket.keys(keyOf(ownerOf(context), '*'))) {
      keys.push(key);
      if (keys.length >= this.#options.maxListed) break;
    }
    // only what lists are sorted by is kept: all tasks of one caller may be more than fits here at once
    const heads: TaskHead[] = [];
    const owner = ownerOf(context);
    for (const key of keys) {
      const kept = await this.#read(key);
      if (kept !== undefined) heads.push(headOf(decodeTask(kept)));
    }
    return taskPage(heads, params, (id) => this.#read(keyOf(owner, id)));
  }

  async #read(key: string): Promise<Uint8Array | undefined> {
    const entry = await this.#bucket.get(key);
    return entry?.operation === 'PUT' ? entry.value : undefined;
  }
}

/** Key of a task: names of callers have any length and characters, keys do not. */
function keyOf(owner: string, taskId: string): string {
  return `${createHash('sha256').update(owner).digest('hex').slice(0, 32)}.${taskId}`;
}
