import { type Message, type StreamResponse, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk';
import { type JsonValue, type Payload, payload } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import { partsPayload } from '../run/parts.ts';
import { inputRequired, progress } from '../run/task-signals.ts';

/** Task at the remote agent. */
export interface RemoteTask {
  readonly taskId: string;
  readonly contextId: string;
  /** Ids of the results that have been taken from it. */
  readonly taken: Set<string>;
}

/** Answer of a remote agent as it comes: its parts, and the state in which it ends. */
export class RemoteAnswer {
  /** Task at the remote agent, once it is known. */
  task: RemoteTask | undefined;
  #status: TaskStatus | undefined;
  #messaged = false;

  /** Tells whether the remote agent has ended its answer. */
  get over(): boolean {
    return this.#messaged || OVER.has(this.#status?.state ?? TaskState.TASK_STATE_UNSPECIFIED);
  }

  /** Question with which the remote agent ended; undefined for none. */
  get question(): Payload | undefined {
    if (this.#status?.state !== TaskState.TASK_STATE_INPUT_REQUIRED) return undefined;
    return inputRequired(statusText(this.#status) ?? '');
  }

  /** Takes one event and gives back the payloads that it brings. */
  take({ payload: event }: StreamResponse): Payload[] {
    switch (event?.$case) {
      case 'task':
        return this.takeTask(event.value);
      case 'message':
        return this.takeMessage(event.value);
      case 'artifactUpdate':
        this.task?.taken.add(event.value.artifact?.artifactId ?? '');
        return (event.value.artifact?.parts ?? []).map((part) => partsPayload([part]));
      case 'statusUpdate': {
        this.#status = event.value.status;
        const note = this.over ? undefined : statusText(this.#status);
        return note === undefined ? [] : [progress(note)];
      }
      default:
        return [];
    }
  }

  /** Takes a whole task. */
  takeTask(task: Task): Payload[] {
    // a task that is continued comes with the results it had before.
    const taken = this.task?.taken ?? new Set();
    this.task = { taskId: task.id, contextId: task.contextId, taken };
    this.#status = task.status;
    const fresh = task.artifacts.filter(({ artifactId }) => !taken.has(artifactId));
    for (const { artifactId } of fresh) taken.add(artifactId);
    return fresh.flatMap(({ parts }) => parts.map((part) => partsPayload([part])));
  }

  /** Takes a plain message, which is the whole answer. */
  takeMessage(message: Message): Payload[] {
    this.#messaged = true;
    return [partsPayload(message.parts)];
  }

  /** Throws unless the remote agent has completed its answer, or asks. */
  check(): void {
    if (this.#messaged) return;
    const state = this.#status?.state ?? TaskState.TASK_STATE_UNSPECIFIED;
    if (state === TaskState.TASK_STATE_COMPLETED || state === TaskState.TASK_STATE_INPUT_REQUIRED) return;
    const [code, text] = ENDS.get(state) ?? (['ERR_PROTOCOL', 'ended its answer before its task was over'] as const);
    const reason = statusText(this.#status);
    const why = typeof reason === 'string' && reason !== '' ? `: ${reason.slice(0, 500)}` : '';
    throw new AgentwireError(code, `the remote agent ${text}${why}`);
  }
}

const ENDS = new Map([
  [TaskState.TASK_STATE_FAILED, ['ERR_HANDLER', 'failed'] as const],
  [TaskState.TASK_STATE_REJECTED, ['ERR_REFUSED', 'refused'] as const],
  [TaskState.TASK_STATE_CANCELED, ['ERR_ABORTED', 'canceled'] as const],
  [
    TaskState.TASK_STATE_AUTH_REQUIRED,
    ['ERR_UNAUTHORIZED', 'wants an authentication that only a person can give'] as const,
  ],
]);
const OVER: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_INPUT_REQUIRED,
  ...ENDS.keys(),
]);

/** Text, or else the value, of what came with a state. */
function statusText(status: TaskStatus | undefined): JsonValue | undefined {
  const parts = status?.message?.parts ?? [];
  if (parts.length === 0) return undefined;
  const texts = parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : []));
  if (texts.length === parts.length) return texts.join('\n');
  return valueOf(partsPayload(parts));
}

/** One payload for all that was answered: the only one, texts joined, or else a list of values. */
export function joined(answers: readonly Payload[]): Payload {
  const [only] = answers;
  if (answers.length === 1 && only !== undefined) return only;
  const texts = answers.flatMap((answer) => (answer.kind === 'text' ? [answer.text] : []));
  return texts.length === answers.length ? payload.text(texts.join('')) : payload.json(answers.map(valueOf));
}

function valueOf(answer: Payload): JsonValue {
  if (answer.kind === 'text') return answer.text;
  if (answer.kind === 'json') return answer.value;
  return answer.kind === 'binary' ? Buffer.from(answer.bytes).toString('base64') : null;
}
