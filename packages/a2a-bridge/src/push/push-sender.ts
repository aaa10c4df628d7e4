import { StreamResponse, type TaskPushNotificationConfig } from '@a2a-js/sdk';
import type { PushNotificationSender, ServerCallContext } from '@a2a-js/sdk/server';
import { type Clock, type Logger, toAgentwireError } from '@agentwire/core';
import type { Resolved } from '@agentwire/core/internal';
import { ownerOf } from '../call-context.ts';
import { postNotification } from './post-notification.ts';
import type { PushConfigs } from './push-configs.ts';
import type { PushOptions } from './push-options.ts';
import { PushQueues, type PushTurn } from './push-queues.ts';

/** Collaborators of a sender. */
export interface PushSenderDeps {
  readonly configs: PushConfigs;
  readonly options: Resolved<PushOptions>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Posts notifications: of one task in their order, of all tasks within `maxConcurrent`. What a receiver does not take is not sent again. */
export class PushSender implements PushNotificationSender {
  readonly #deps: PushSenderDeps;
  readonly #queues: PushQueues;

  constructor(deps: PushSenderDeps) {
    this.#deps = deps;
    this.#queues = new PushQueues(deps.options, (taskId) =>
      deps.logger.warn({ taskId }, 'a push notification was dropped: its receivers, or others of its caller, are slow'),
    );
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
    const body = JSON.stringify(StreamResponse.toJSON(response));
    this.#queues.add(ownerOf(context), taskId, { body, configs });
    this.#next();
  }

  #next(): void {
    for (let turn = this.#queues.take(); turn !== undefined; turn = this.#queues.take())
      void this.#work(turn).finally(() => this.#next());
  }

  async #work({ taskId, next }: PushTurn): Promise<void> {
    for (let job = next(); job !== undefined; job = next())
      for (const config of job.configs) await this.#post(taskId, job.body, config);
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
