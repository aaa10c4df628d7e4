import { randomUUID } from 'node:crypto';
import type { TaskPushNotificationConfig } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { PushNotificationStore, ServerCallContext } from '@a2a-js/sdk/server';
import { BridgeError } from '../bridge-error.ts';
import { ownerOf } from '../call-context.ts';
import type { PushOptions } from './push-options.ts';
import type { Resolved } from '@agentwire/core/internal';
import { checkPushUrl } from './push-url.ts';

const MAX_SECRET = 4096;
// what an HTTP header may carry
const HEADER_TEXT = /^[\t\u0020-\u007e]*$/;

/** Receivers of push notifications by task, in memory and bounded; tokens and credentials never leave it but to their receiver and their owner. */
export class PushConfigs implements PushNotificationStore {
  // in the order of the last change
  readonly #byTask = new Map<string, TaskPushNotificationConfig[]>();
  readonly #options: Resolved<PushOptions>;

  constructor(options: Resolved<PushOptions>) {
    this.#options = options;
  }

  /** Tasks with receivers. */
  get size(): number {
    return this.#byTask.size;
  }

  /** Adds or replaces a receiver and gives it an id. @throws `RequestMalformedError` for one that may not be posted to */
  async save(taskId: string, context: ServerCallContext, config: TaskPushNotificationConfig): Promise<void> {
    const key = keyOf(context, taskId);
    check(config, this.#options);
    if (config.id === '') config.id = randomUUID();
    const others = (this.#byTask.get(key) ?? []).filter(({ id }) => id !== config.id);
    const { maxConfigsPerTask, maxTasks } = this.#options;
    if (others.length >= maxConfigsPerTask)
      throw new BridgeError(
        'ERR_OVERLOADED',
        `a task has at most ${maxConfigsPerTask} push receivers; delete one first`,
      );
    this.#byTask.delete(key);
    this.#byTask.set(key, [...others, structuredClone(config)]);
    if (this.#byTask.size > maxTasks) for (const oldest of this.#byTask.keys().take(1)) this.#byTask.delete(oldest);
  }

  /** Receivers of a task. */
  async load(taskId: string, context: ServerCallContext): Promise<TaskPushNotificationConfig[]> {
    return structuredClone(this.#byTask.get(keyOf(context, taskId)) ?? []);
  }

  /** Removes a receiver; one that is not there is no error. */
  async delete(taskId: string, context: ServerCallContext, configId: string = taskId): Promise<void> {
    const key = keyOf(context, taskId);
    const left = (this.#byTask.get(key) ?? []).filter(({ id }) => id !== configId);
    if (left.length === 0) this.#byTask.delete(key);
    else this.#byTask.set(key, left);
  }
}

const keyOf = (context: ServerCallContext, taskId: string): string => JSON.stringify([ownerOf(context), taskId]);

function check(config: TaskPushNotificationConfig, options: Resolved<PushOptions>): void {
  try {
    checkPushUrl(config.url, options);
  } catch (error) {
    throw new RequestMalformedError({ message: error instanceof Error ? error.message : 'no push URL', cause: error });
  }
  if (config.id.length > 128) throw new RequestMalformedError('the id of a push receiver is longer than 128');
  const { token, authentication } = config;
  for (const text of [token, authentication?.scheme ?? '', authentication?.credentials ?? '']) {
    if (text.length > MAX_SECRET || !HEADER_TEXT.test(text)) {
      throw new RequestMalformedError(
        `token, scheme and credentials of a push receiver must be printable ASCII of at most ${MAX_SECRET} characters`,
      );
    }
  }
}
