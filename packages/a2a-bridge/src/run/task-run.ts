import { setImmediate } from 'node:timers/promises';
import { type Message, Part, type Task, TaskState } from '@a2a-js/sdk';
import type { ExecutionEventBus } from '@a2a-js/sdk/server';
import { type A2ARouter, createMessage, type KernelMessage, type Payload, target } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import type { ResolvedBridgeOptions } from '../bridge-options.ts';
import type { CallingUser } from '../call-context.ts';
import { failureOf } from './failures.ts';
import { partsPayload, payloadPart, skillOf, valuePart } from './parts.ts';
import { TaskEvents } from './task-events.ts';
import { INPUT_REQUIRED, PROGRESS } from './task-signals.ts';

/** Collaborators of a run. */
export interface TaskRunDeps {
  readonly router: A2ARouter;
  readonly options: ResolvedBridgeOptions;
  readonly bus: ExecutionEventBus;
  readonly caller: CallingUser;
  readonly message: Message;
  readonly taskId: string;
  readonly contextId: string;
  readonly task: Task | undefined;
}

/** One message of a caller on its way through the router and back. */
export class TaskRun {
  readonly #deps: TaskRunDeps;
  readonly #events: TaskEvents;
  readonly #abort = new AbortController();
  #state: 'working' | 'over' = 'working';
  #bytes = 0;
  #keptBytes: number;
  #parts = 0;
  #question: Part | undefined;

  constructor(deps: TaskRunDeps) {
    this.#deps = deps;
    this.#events = new TaskEvents({
      ...deps,
      clock: deps.options.clock,
      onFailure: (error) => this.#abort.abort(error),
    });
    this.#keptBytes = (deps.task?.artifacts ?? [])
      .flatMap(({ parts }) => parts)
      .reduce((sum, part) => sum + keptSize(part), 0);
  }

  /** Runs to its end; never rejects, because what failed is a state of the task. */
  async run(): Promise<void> {
    try {
      if (this.#deps.options.answer === 'message') await this.#askOnce();
      else await this.#askForParts();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Cancels: the handler's signal aborts, and the task is canceled, not failed. */
  cancel(): void {
    if (!this.#end()) return;
    this.#events.state(TaskState.TASK_STATE_CANCELED);
    this.#abort.abort();
  }

  /** Ends the run with an error. */
  abort(error: AgentwireError): void {
    this.#fail(error);
    this.#abort.abort();
  }

  async #askForParts(): Promise<void> {
    const { router, options } = this.#deps;
    this.#events.announce(TaskState.TASK_STATE_WORKING);
    const asked = { signal: this.#abort.signal, timeoutMs: options.taskTimeoutMs };
    for await (const { payload } of router.requestStream(this.#toMessage(), asked)) {
      if (this.#state === 'over') return;
      this.#take(payload);
      // parts that come without a pause leave turns to the clients that read them
      if (this.#events.full) await setImmediate();
    }
    if (!this.#end()) return;
    if (this.#question === undefined) this.#events.state(TaskState.TASK_STATE_COMPLETED);
    else this.#events.state(TaskState.TASK_STATE_INPUT_REQUIRED, [this.#question]);
  }

  async #askOnce(): Promise<void> {
    const { router, options, caller } = this.#deps;
    // a client that has left can read no answer
    const signal = AbortSignal.any([this.#abort.signal, caller.left]);
    const { payload } = await router.request(this.#toMessage(), { signal, timeoutMs: options.taskTimeoutMs });
    const part = this.#count(payload);
    if (!this.#end()) return;
    if (isSignal(payload, INPUT_REQUIRED)) this.#events.state(TaskState.TASK_STATE_INPUT_REQUIRED, [detailOf(payload)]);
    else this.#events.answer([part]);
  }

  #toMessage(): KernelMessage {
    const { options, caller, message, taskId, task } = this.#deps;
    const skill = skillOf(message);
    const to = skill === undefined ? target.service(options.service) : target.serviceMethod(options.service, skill);
    const request = { message, taskId, task, user: caller.user };
    const payload = options.toPayload === undefined ? partsPayload(message.parts) : options.toPayload(request);
    return createMessage(caller.pid, to, payload, { traceId: taskId }, options.clock);
  }

  #take(payload: Payload): void {
    const part = this.#count(payload);
    if (this.#question !== undefined)
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'the handler answered on after its question; a question is the last part',
      );
    if (isSignal(payload, INPUT_REQUIRED)) this.#question = detailOf(payload);
    else if (isSignal(payload, PROGRESS)) this.#events.state(TaskState.TASK_STATE_WORKING, [detailOf(payload)]);
    else this.#events.part(part);
  }

  #count(payload: Payload): Part {
    const { maxAnswerBytes, maxAnswerParts, taskStore } = this.#deps.options;
    const part = payloadPart(payload);
    this.#parts += 1;
    this.#bytes += sizeOf(part);
    if (this.#bytes > maxAnswerBytes || this.#parts > maxAnswerParts) {
      throw new AgentwireError(
        'ERR_BODY_TOO_LARGE',
        `an answer is over maxAnswerBytes (${maxAnswerBytes}) or maxAnswerParts (${maxAnswerParts})`,
      );
    }
    this.#keptBytes += keptSize(part);
    const room = (taskStore.maxTaskBytes ?? Infinity) - BESIDES_PARTS;
    if (this.#keptBytes > room)
      throw new AgentwireError(
        'ERR_BODY_TOO_LARGE',
        `the results of a task are over what its store keeps (${room} bytes)`,
      );
    return part;
  }

  #fail(error: unknown): void {
    if (!this.#end()) return;
    const { logger, exposeErrors } = this.#deps.options;
    const { state, code, text } = failureOf(error, exposeErrors);
    logger.warn({ code, taskId: this.#deps.taskId, pid: this.#deps.caller.pid }, 'a task failed');
    this.#events.state(state, [valuePart(text)], { code });
  }

  #end(): boolean {
    if (this.#state === 'over') return false;
    this.#state = 'over';
    return true;
  }
}

const isSignal = (payload: Payload, name: string): boolean => payload.kind === 'signal' && payload.signal === name;
const detailOf = (payload: Payload): Part => valuePart(payload.kind === 'signal' ? (payload.detail ?? '') : '');

// ids, status and names of a task, with room to spare
const BESIDES_PARTS = 8192;
const keptSize = (part: Part): number => Buffer.byteLength(JSON.stringify(Part.toJSON(part))) + 1;

function sizeOf({ content }: Part): number {
  if (content?.$case === 'text') return Buffer.byteLength(content.value);
  if (content?.$case === 'raw') return content.value.length;
  return Buffer.byteLength(JSON.stringify(content?.value ?? null));
}
