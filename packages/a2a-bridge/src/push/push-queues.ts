import type { TaskPushNotificationConfig } from '@a2a-js/sdk';
import type { Resolved } from '@agentwire/core/internal';
import type { PushOptions } from './push-options.ts';

/** One notification that waits for its receivers. */
export interface PushJob {
  readonly body: string;
  readonly configs: readonly TaskPushNotificationConfig[];
}

/** Turn of one task: its notifications are posted one after the other until none waits. */
export interface PushTurn {
  readonly taskId: string;
  /** Takes the next notification; undefined ends the turn. */
  readonly next: () => PushJob | undefined;
}

interface Queue {
  readonly taskId: string;
  readonly jobs: PushJob[];
}

interface CallerQueues {
  readonly owner: string;
  /** Tasks with notifications that wait or are posted, the oldest first. */
  readonly byTask: Map<string, Queue>;
  /** Those of which none is posted now. */
  readonly waiting: Set<Queue>;
  bytes: number;
  running: number;
}

/** Bounds of {@link PushQueues}. */
export type PushBounds = Pick<Resolved<PushOptions>, 'maxQueued' | 'maxQueuedBytes' | 'maxConcurrent'>;

// what a notification that waits takes besides its body
const JOB_BYTES = 512;
const sizeOf = ({ body }: PushJob): number => body.length + JOB_BYTES;

/** Notifications that wait, by caller and task. A caller has half of the bytes and of the posts, and callers take turns. */
export class PushQueues {
  readonly #bounds: PushBounds;
  readonly #onDrop: (taskId: string) => void;
  readonly #callers = new Map<string, CallerQueues>();
  /** Callers with a task that may have its turn, the one that is next first. */
  readonly #ready = new Set<CallerQueues>();
  #size = 0;
  #bytes = 0;
  #running = 0;

  /** @param onDrop told of each notification that there is no room for */
  constructor(bounds: PushBounds, onDrop: (taskId: string) => void) {
    this.#bounds = bounds;
    this.#onDrop = onDrop;
  }

  /** Tasks with notifications that wait or are posted. */
  get size(): number {
    return this.#size;
  }

  /** Adds a notification; where there is no room, the oldest of the same caller are dropped for it. */
  add(owner: string, taskId: string, job: PushJob): void {
    const caller = this.#callers.get(owner) ?? {
      owner,
      byTask: new Map<string, Queue>(),
      waiting: new Set<Queue>(),
      bytes: 0,
      running: 0,
    };
    const { maxQueued, maxQueuedBytes } = this.#bounds;
    const bytes = sizeOf(job);
    const known = caller.byTask.get(taskId);
    if (known !== undefined && known.jobs.length >= maxQueued) this.#drop(caller, known);
    // none is dropped for one that has no room anyway
    for (const oldest of bytes > maxQueuedBytes / 2 ? [] : caller.byTask.values()) {
      while (!this.#hasRoom(caller, bytes) && oldest.jobs.length > 0) this.#drop(caller, oldest);
      if (this.#hasRoom(caller, bytes)) break;
    }
    if (!this.#hasRoom(caller, bytes)) {
      this.#onDrop(taskId);
      return;
    }
    this.#callers.set(owner, caller);
    this.#count(caller, bytes);
    const queue = caller.byTask.get(taskId);
    if (queue === undefined) this.#begin(caller, { taskId, jobs: [job] });
    else queue.jobs.push(job);
  }

  /** Gives the next task its turn; undefined while none may have one. */
  take(): PushTurn | undefined {
    if (this.#running >= this.#bounds.maxConcurrent) return undefined;
    const [caller] = this.#ready;
    const [queue] = caller?.waiting ?? [];
    if (caller === undefined || queue === undefined) return undefined;
    this.#ready.delete(caller);
    caller.waiting.delete(queue);
    caller.running += 1;
    this.#running += 1;
    this.#offer(caller);
    let inHand = 0;
    const next = (): PushJob | undefined => {
      this.#count(caller, -inHand);
      const job = queue.jobs.shift();
      inHand = job === undefined ? 0 : sizeOf(job);
      if (job === undefined) {
        caller.running -= 1;
        this.#running -= 1;
        this.#end(caller, queue);
      }
      return job;
    };
    return { taskId: queue.taskId, next };
  }

  #begin(caller: CallerQueues, queue: Queue): void {
    caller.byTask.set(queue.taskId, queue);
    caller.waiting.add(queue);
    this.#size += 1;
    this.#offer(caller);
  }

  #end(caller: CallerQueues, queue: Queue): void {
    caller.byTask.delete(queue.taskId);
    caller.waiting.delete(queue);
    this.#size -= 1;
    if (caller.byTask.size === 0) this.#callers.delete(caller.owner);
    if (caller.waiting.size === 0) this.#ready.delete(caller);
    else this.#offer(caller);
  }

  /** Puts a caller behind the others if one of its tasks may have its turn. */
  #offer(caller: CallerQueues): void {
    if (caller.waiting.size > 0 && caller.running < Math.ceil(this.#bounds.maxConcurrent / 2)) this.#ready.add(caller);
  }

  #hasRoom({ bytes: mine }: CallerQueues, bytes: number): boolean {
    const { maxQueuedBytes } = this.#bounds;
    return mine + bytes <= maxQueuedBytes / 2 && this.#bytes + bytes <= maxQueuedBytes;
  }

  #drop(caller: CallerQueues, queue: Queue): void {
    const job = queue.jobs.shift();
    if (job === undefined) return;
    this.#count(caller, -sizeOf(job));
    this.#onDrop(queue.taskId);
    if (queue.jobs.length === 0 && caller.waiting.has(queue)) this.#end(caller, queue);
  }

  #count(caller: CallerQueues, bytes: number): void {
    caller.bytes += bytes;
    this.#bytes += bytes;
  }
}
