import {
  type AgentCard,
  type CancelTaskRequest,
  type GetTaskRequest,
  type ListTasksRequest,
  type ListTasksResponse,
  type Message,
  Role,
  type SendMessageRequest,
  type StreamResponse,
  type SubscribeToTaskRequest,
  type Task,
} from '@a2a-js/sdk';
import { RequestMalformedError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { DefaultRequestHandler, type ServerCallContext, type TaskStore } from '@a2a-js/sdk/server';
import type { ResolvedBridgeOptions } from './bridge-options.ts';
import { callerOf } from './call-context.ts';
import type { PushConfigs } from './push/push-configs.ts';
import type { PushSender } from './push/push-sender.ts';
import { type Admission, Admissions } from './run/admissions.ts';
import { skillOf } from './run/parts.ts';
import { ADMISSION, type RouterExecutor } from './run/router-executor.ts';
import { TaskBuses } from './run/task-buses.ts';

/** Collaborators of a request handler. */
export interface BridgeRequestHandlerDeps {
  readonly card: AgentCard;
  readonly options: ResolvedBridgeOptions;
  readonly executor: RouterExecutor;
  readonly tasks: TaskStore;
  readonly push: { readonly configs: PushConfigs; readonly sender: PushSender } | undefined;
}

const MAX_ID = 128;
const MAX_PARTS = 1000;

/** The SDK's request handler behind what it does not check: shapes, bounds and who may do what. */
export class BridgeRequestHandler extends DefaultRequestHandler {
  readonly #admissions: Admissions;
  readonly #streams: Admissions;
  readonly #executor: RouterExecutor;
  readonly #push: PushSender | undefined;

  constructor({ card, options, executor, tasks, push }: BridgeRequestHandlerDeps) {
    // a bus that is kept for a task that waits is never removed when the task is canceled; the store knows enough to go on without one.
    super(card, tasks, executor, new TaskBuses(), push?.configs, push?.sender, undefined, undefined, {
      keepBusAliveStates: [],
    });
    this.#executor = executor;
    this.#push = push?.sender;
    this.#admissions = new Admissions('active tasks', options.maxActiveTasks, options.maxActiveTasksPerCaller);
    this.#streams = new Admissions('streams', options.maxStreams, options.maxStreamsPerCaller);
  }

  override async sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    const admission = this.#admit(params, context);
    try {
      return await super.sendMessage(params, context);
    } finally {
      if (!admission.taken) admission.release();
    }
  }

  override async *sendMessageStream(
    params: SendMessageRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    const stream = this.#streams.admit(callerOf(context).userName);
    try {
      const admission = this.#admit(params, context);
      try {
        yield* super.sendMessageStream(params, context);
      } finally {
        if (!admission.taken) admission.release();
      }
    } finally {
      stream.release();
    }
  }

  override async *resubscribe(
    params: SubscribeToTaskRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    const stream = this.#streams.admit(callerOf(context).userName);
    try {
      yield* super.resubscribe(params, context);
    } finally {
      stream.release();
    }
  }

  override async listTasks(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    // anonymous callers are not one another: a task is found by its id, which cannot be guessed, and never in a list.
    if (!callerOf(context).isAuthenticated)
      throw new UnsupportedOperationError('tasks are listed for authenticated callers only');
    checkHistoryLength(params.historyLength);
    return super.listTasks(params, context);
  }

  override async getTask(params: GetTaskRequest, context: ServerCallContext): Promise<Task> {
    checkHistoryLength(params.historyLength);
    return super.getTask(params, context);
  }

  override async cancelTask(params: CancelTaskRequest, context: ServerCallContext): Promise<Task> {
    const { userName } = callerOf(context);
    if (this.#executor.isRunning(params.id)) return super.cancelTask(params, context);
    // no message may begin to be worked on while the task that waits is canceled.
    const release = this.#admissions.hold(userName, params.id);
    try {
      return await this.#cancelWaiting(params, context);
    } finally {
      release();
    }
  }

  async #cancelWaiting(params: CancelTaskRequest, context: ServerCallContext): Promise<Task> {
    const task = await super.cancelTask(params, context);
    // the SDK notifies of what a run publishes, and a task that waits has none.
    const { id: taskId, contextId, status } = task;
    const value = { taskId, contextId, status, metadata: undefined };
    await this.#push?.send({ payload: { $case: 'statusUpdate', value } }, context);
    return task;
  }

  #admit(params: SendMessageRequest, context: ServerCallContext): Admission {
    const { message } = params;
    if (message === undefined) throw new RequestMalformedError('message is required');
    checkMessage(message);
    checkHistoryLength(params.configuration?.historyLength);
    const admission = this.#admissions.admit(callerOf(context).userName, message.taskId);
    context.state.set(ADMISSION, admission);
    return admission;
  }
}

function checkHistoryLength(length: number | undefined): void {
  if (length !== undefined && !(length >= 0)) throw new RequestMalformedError('historyLength must be 0 or more');
}

function checkMessage(message: Message): void {
  for (const name of ['messageId', 'taskId', 'contextId'] as const) {
    if (message[name].length > MAX_ID) throw new RequestMalformedError(`message.${name} is longer than ${MAX_ID}`);
  }
  // a message of the agent is the agent's to write; the history would tell it as the agent's own.
  if (message.role !== Role.ROLE_USER) throw new RequestMalformedError('message.role must be ROLE_USER');
  if (message.parts.length === 0 || message.parts.length > MAX_PARTS)
    throw new RequestMalformedError(`message.parts must hold 1 to ${MAX_PARTS} parts`);
  if (message.parts.some(({ content }) => content === undefined))
    throw new RequestMalformedError('a part of message.parts has no text, raw, url or data');
  skillOf(message);
  // nothing here looks at them, and the SDK would load and report each.
  message.referenceTaskIds = [];
}
