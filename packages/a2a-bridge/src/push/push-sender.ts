import { StreamResponse, type TaskPushNotificationConfig } from '@a2a-js/sdk';
import type { PushNotificationSender, ServerCallContext } from '@a2a-js/sdk/server';
import { type Clock, type Logger, toAgentwireError } from '@agentwire/core';
import { postNotification } from './post-notification.ts';
import type { PushConfigs } from './push-configs.ts';
import type { PushOptions } from './push-options.ts';
import type { Resolved } from '@agentwire/core/internal';

/** Collaborators of a sender. */
export interface PushSenderDeps {
  readonly configs: PushConfigs;
  readonly options: Resolved<PushOptions>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Queue {
  readonly taskId: string;
  readonly jobs: { readonly body: string; readonly configs: readonly TaskPushNotificationConfig[] }[];
  dropped: number;
}

/** Posts notifications: of one task in their order, of all tasks within `maxConcurrent`. What a receiver does not take is not sent again. */
export class PushSender implements PushNotificationSender {
  readonly #deps: PushSenderDeps;
  readonly #queues = new Map<string, Queue>();
  readonly #waiting = new Set<Queue>();
  #running = 0;

  constructor(deps: PushSenderDeps) {
    this.#deps = deps;
  }

  /** Tasks with notifications that wait. */
  get size(): number {
    return this.#queues.size;
  }

  /** Queues a notification for the receivers that the task has now; resolves before it was posted. */
  async send(response: StreamResponse, context: ServerCallContext): Promise<void> {
    const taskId = taskOf(response);
    if (taskId === '') return;
    const configs = await this.#deps.configs.load(taskId, context);
    if (configs.length === 0) return;
    const queue = this.#queues.get(taskId) ?? { taskId, jobs: [], dropped: 0 };
    queue.jobs.push({ body: JSON.stringify(StreamResponse.toJSON(response)), configs });
    if (queue.jobs.length > this.#deps.options.maxQueued) {
      queue.jobs.shift();
      queue.dropped += 1;
    }
    if (this.#queues.has(taskId)) return;
    this.#queues.set(taskId, queue);
    this.#waiting.add(queue);
    this.#next();
  }

  #next(): void {
    for (const queue of this.#waiting) {
      if (this.#running >= this.#deps.options.maxConcurrent) return;
      this.#waiting.delete(queue);
      this.#running += 1;
      void this.#work(queue).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #work(queue: Queue): Promise<void> {
    for (let job = queue.jobs.shift(); job !== undefined; job = queue.jobs.shift()) {
      const { body, configs } = job;
      for (const config of configs) await this.#post(queue.taskId, body, config);
    }
    this.#queues.delete(queue.taskId);
    const { taskId, dropped } = queue;
    if (dropped > 0)
      this.#deps.logger.warn({ taskId, dropped }, 'push notifications were dropped: their receivers are slow');
  }

  async #post(taskId: string, body: string, config: TaskPushNotificationConfig): Promise<void> {
    const { options, clock, logger } = this.#deps;
    try {
      const status = await postNotification(config.url, body, headersOf(config), { ...options, clock });
      if (status < 200 || status > 299)
        logger.warn({ taskId, configId: config.id, status }, 'a push receiver did not take a notification');
    } catch (error) {
      const { code } = toAgentwireError(error, 'ERR_IO');
      logger.warn({ taskId, configId: config.id, code }, 'a push notification was not sent');
    }
  }
}

function headersOf({ token, authentication }: TaskPushNotificationConfig): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/a2a+json' };
  if (token !== '') headers['x-a2a-notification-token'] = token;
  if (authentication !== undefined && authentication.scheme !== '')
    headers['authorization'] = `${authentication.scheme} ${authentication.credentials}`.trim();
  return headers;
}

function taskOf({ payload }: StreamResponse): string {
  if (payload === undefined) return '';
  return payload.$case === 'task' ? payload.value.id : payload.value.taskId;
}
