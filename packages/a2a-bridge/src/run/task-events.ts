import { randomUUID } from 'node:crypto';
import { type Message, type Part, Role, type Task, type TaskState, type TaskStatus } from '@a2a-js/sdk';
import { AgentEvent, type ExecutionEventBus } from '@a2a-js/sdk/server';
import type { Clock } from '@agentwire/core';

/** Collaborators of the events of one run. */
export interface TaskEventsDeps {
  readonly bus: ExecutionEventBus;
  readonly clock: Clock;
  readonly taskId: string;
  readonly contextId: string;
  /** Message that the run handles. */
  readonly message: Message;
  /** Task that the run continues. */
  readonly task: Task | undefined;
  /** Called where parts could not be published at the end of a turn. */
  readonly onFailure: (error: unknown) => void;
}

/** Parts after which a run waits until they are published. */
const PARTS_PER_EVENT = 64;

/** Events of one run in the order that the protocol asks for: the task first, then changes. */
export class TaskEvents {
  readonly #deps: TaskEventsDeps;
  readonly #artifactId = randomUUID();
  #announced = false;
  /** Set once the artifact has parts. */
  #appends = false;
  #waiting: Part[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(deps: TaskEventsDeps) {
    this.#deps = deps;
  }

  /** Publishes the task itself. */
  announce(state: TaskState): void {
    if (this.#announced) return;
    this.#announced = true;
    const { bus, taskId, contextId, message, task } = this.#deps;
    const status = this.#status(state);
    const fresh = { id: taskId, contextId, artifacts: [], history: [message], metadata: undefined };
    bus.publish(AgentEvent.task({ ...(task ?? fresh), status }));
  }

  /**
   * Publishes one part of the result at the end of the turn, together with the others of that turn: each event has the whole task
   * read and kept once more.
   */
  part(part: Part): void {
    this.#waiting.push(part);
    this.#turn ??= setImmediate(() => {
      try {
        this.#publishParts();
      } catch (error) {
        this.#deps.onFailure(error);
      }
    });
  }

  /** Returns whether as many parts wait as one event should have. */
  get full(): boolean {
    return this.#waiting.length >= PARTS_PER_EVENT;
  }

  #publishParts(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    if (this.#waiting.length === 0) return;
    const { bus, taskId, contextId } = this.#deps;
    const artifact = {
      artifactId: this.#artifactId,
      name: '',
      description: '',
      parts: this.#waiting,
      metadata: undefined,
      extensions: [],
    };
    this.#waiting = [];
    const append = this.#appends;
    this.#appends = true;
    bus.publish(
      AgentEvent.artifactUpdate({ taskId, contextId, artifact, append, lastChunk: false, metadata: undefined }),
    );
  }

  /** Publishes a state, with what there is to say about it. */
  state(state: TaskState, parts: readonly Part[] = [], metadata?: Message['metadata']): void {
    this.announce(state);
    this.#publishParts();
    const { bus, taskId, contextId } = this.#deps;
    const note = parts.length === 0 ? undefined : this.message(parts, metadata);
    bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status: this.#status(state, note), metadata: undefined }));
  }

  /** Publishes a plain message as the whole answer. */
  answer(parts: readonly Part[]): void {
    this.#deps.bus.publish(AgentEvent.message({ ...this.message(parts), taskId: '' }));
  }

  /** Message of the agent. */
  message(parts: readonly Part[], metadata?: Message['metadata']): Message {
    const { taskId, contextId } = this.#deps;
    return {
      messageId: randomUUID(),
      role: Role.ROLE_AGENT,
      taskId,
      contextId,
      parts: [...parts],
      metadata,
      extensions: [],
      referenceTaskIds: [],
    };
  }

  #status(state: TaskState, message?: Message): TaskStatus {
    return { state, message, timestamp: new Date(this.#deps.clock.wallNow()).toISOString() };
  }
}
