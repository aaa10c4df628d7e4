import { randomUUID } from 'node:crypto';
import { type Message, type Part, Role, type Task, type TaskState, type TaskStatus } from '@a2a-js/sdk';
import { AgentEvent, type ExecutionEventBus } from '@a2a-js/sdk/server';
import type { Clock, TimerHandle } from '@agentwire/core';

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
/** Milliseconds between two events of parts for each part that the task has, and at most. */
const MS_PER_PART = 0.02;
const MAX_PAUSE_MS = 100;

/** Events of one run in the order that the protocol asks for: the task first, then changes. */
export class TaskEvents {
  readonly #deps: TaskEventsDeps;
  readonly #artifactId = randomUUID();
  #announced = false;
  /** Parts of other artifacts that the task has already. */
  readonly #keptBefore: number;
  /** Parts that the artifact has. */
  #published = 0;
  #waiting: Part[] = [];
  #turn: NodeJS.Immediate | undefined;
  #pause: TimerHandle;

  constructor(deps: TaskEventsDeps) {
    this.#deps = deps;
    this.#keptBefore = (deps.task?.artifacts ?? []).reduce((sum, { parts }) => sum + parts.length, 0);
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
   * Publishes one part of the result at the end of the turn, together with the others of that turn. Each event has the whole task read and kept
   * once more, so that of a long result the parts of a moment are one event: a moment that is longer the more parts there are.
   */
  part(part: Part): void {
    this.#waiting.push(part);
    const pauseMs = Math.min(MAX_PAUSE_MS, Math.floor((this.#keptBefore + this.#published) * MS_PER_PART));
    if (pauseMs === 0 || this.full) this.#turn ??= setImmediate(this.#publish);
    else this.#pause ??= this.#deps.clock.setTimeout(this.#publish, pauseMs);
  }

  /** Returns whether as many parts wait as one event should have. */
  get full(): boolean {
    return this.#waiting.length >= PARTS_PER_EVENT;
  }

  readonly #publish = (): void => {
    try {
      this.#publishParts();
    } catch (error) {
      this.#deps.onFailure(error);
    }
  };

  #publishParts(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#deps.clock.clearTimeout(this.#pause);
    this.#pause = undefined;
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
    const append = this.#published > 0;
    this.#published += artifact.parts.length;
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
