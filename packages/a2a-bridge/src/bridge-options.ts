import type { IncomingMessage } from 'node:http';
import type { AgentSkill, Message, Task } from '@a2a-js/sdk';
import type { Payload, Pid } from '@agentwire/a2a-router';
import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  countRepeats,
  OPTION,
  type OptionRows,
  type Resolved,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import type { BoundedTaskStore } from './tasks/task-limits.ts';
import { MemoryTaskStore } from './tasks/memory-task-store.ts';
import { PUSH_ROWS, type PushOptions } from './push/push-options.ts';

/** One who was authenticated: the owner of tasks, and the process whose capabilities apply. */
export interface Caller {
  /** Stable name, 1 to 256 characters: tasks belong to it, also after a restart. */
  readonly user: string;
  /** Process of the router that messages of this caller come from; its scope, rates and the gate decide. */
  readonly pid: Pid;
}

/** One message of a caller as {@link A2ABridgeOptions.toPayload} gets it. */
export interface BridgeRequest {
  /** Message of the protocol, checked and bounded. */
  readonly message: Message;
  /** Task that it belongs to; also the trace id of the router's message. */
  readonly taskId: string;
  /** Task with its history when the message continues one. */
  readonly task: Task | undefined;
  /** Authenticated name; undefined for an anonymous caller. */
  readonly user: string | undefined;
}

/** Text of one skill in the agent card; everything has a default. */
export type SkillText = Partial<Pick<AgentSkill, 'name' | 'description' | 'tags' | 'examples'>>;

/** Options of `createA2ABridge`. */
export interface A2ABridgeOptions {
  /** Service of the router that answers. */
  readonly service: string;
  /** Public URL of the JSON-RPC endpoint, for the agent card; its path is the path that is served. Default: the address of `listen`, path `/`. */
  readonly url?: string | undefined;
  /** Name in the agent card. Default: the service's name. */
  readonly name?: string | undefined;
  /** Description in the agent card. Default: a sentence with the service's name. */
  readonly description?: string | undefined;
  /** Version of the agent in the agent card. Default `1.0.0`. */
  readonly version?: string | undefined;
  /** Texts of skills by method, or the skills themselves where the service is on another node. Default: one skill per method of the service. */
  readonly skills?: Readonly<Record<string, SkillText>> | undefined;
  /**
   * Maps a request to its caller; undefined refuses it with 401. An exception, or an answer after `authenticateTimeoutMs`, is 503.
   *
   * Gets the request before its body was read.
   */
  readonly authenticate?: ((request: IncomingMessage) => Caller | undefined | Promise<Caller | undefined>) | undefined;
  /** Process for requests that `authenticate` does not know. Default: none, and such requests are refused. */
  readonly anonymous?: Pid | undefined;
  /** Security schemes of the agent card in the protocol's JSON form. Default: HTTP bearer when there is `authenticate`. */
  readonly securitySchemes?: Readonly<Record<string, object>> | undefined;
  /** Offers streams of events. Default true. */
  readonly streaming?: boolean | undefined;
  /** Push notifications. Default: none. */
  readonly push?: PushOptions | undefined;
  /** Answers with tasks, or with plain messages that cannot be streamed, fetched or canceled. Default `task`. */
  readonly answer?: 'task' | 'message' | undefined;
  /** Makes the payload of the router's message. Default: text, JSON or bytes of the only part, else `{ parts }` as JSON. */
  readonly toPayload?: ((request: BridgeRequest) => Payload) | undefined;
  /** Keeper of tasks. Default: a {@link MemoryTaskStore} with its defaults. */
  readonly taskStore?: BoundedTaskStore | undefined;
  /** Tells callers the message of a failed handler, not only its code. Default false. */
  readonly exposeErrors?: boolean | undefined;
  /** Milliseconds that a task may work, 1 to 86 400 000. Default 300 000. */
  readonly taskTimeoutMs?: number | undefined;
  /** Tasks that work at once, 1 to 100 000. Default 256. */
  readonly maxActiveTasks?: number | undefined;
  /** Tasks of one caller that work at once, 1 to 100 000. Default 32. */
  readonly maxActiveTasksPerCaller?: number | undefined;
  /** Bytes of all that one run of a task answers, 1 to 1 GiB; more fails the task, and so do results that its store could not keep. Default 1 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  /** Parts that one run of a task answers, 1 to 1 000 000; more fails the task. Default 10 000. */
  readonly maxAnswerParts?: number | undefined;
  /** Bytes of a request's body, 1 to 1 GiB; more is 413. Default 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Milliseconds in which a body has to arrive, 1 to 600 000. Default 10 000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Milliseconds that `authenticate` may take, 1 to 600 000. Default 5000. */
  readonly authenticateTimeoutMs?: number | undefined;
  /** Streams of events at once, 1 to 100 000; more is 503. Default 256. */
  readonly maxStreams?: number | undefined;
  /** Streams of events of one caller at once, 1 to 100 000. Default 32. */
  readonly maxStreamsPerCaller?: number | undefined;
  /** Bytes of events that a client has not read, 1024 to 1 GiB; beyond them it is disconnected, and its task goes on. Default 1 MiB. */
  readonly maxUnreadBytes?: number | undefined;
  /** Milliseconds between comments that keep a stream of events open, 10 to 600 000. Default 15 000. */
  readonly keepAliveMs?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about refusals and failures. Default: silent. */
  readonly logger?: Logger | undefined;
}

type Optional =
  'url' | 'name' | 'description' | 'skills' | 'authenticate' | 'anonymous' | 'securitySchemes' | 'push' | 'toPayload';

/** {@link A2ABridgeOptions} with everything filled in. */
export type ResolvedBridgeOptions = Pick<A2ABridgeOptions, Exclude<Optional, 'push'>> &
  Resolved<Omit<A2ABridgeOptions, Optional>> & { readonly push: Resolved<PushOptions> | undefined };

const GIB = 1024 * 1024 * 1024;

const ROWS: OptionRows<A2ABridgeOptions> = {
  service: { check: OPTION.text },
  url: { check: OPTION.text },
  name: { check: OPTION.text },
  description: { check: OPTION.text },
  version: { check: OPTION.text, default: '1.0.0' },
  skills: { check: OPTION.object },
  authenticate: { check: OPTION.function },
  anonymous: { check: OPTION.integer(1, Number.MAX_SAFE_INTEGER) },
  securitySchemes: { check: OPTION.object },
  streaming: { check: OPTION.boolean, default: true },
  push: { check: OPTION.nested(PUSH_ROWS) },
  answer: { check: OPTION.oneOf('task', 'message'), default: 'task' },
  toPayload: { check: OPTION.function },
  taskStore: { check: OPTION.methods('load', 'save', 'list') },
  exposeErrors: { check: OPTION.boolean, default: false },
  taskTimeoutMs: { check: OPTION.integer(1, 86_400_000), default: 300_000 },
  maxActiveTasks: { check: OPTION.integer(1, 100_000), default: 256 },
  maxActiveTasksPerCaller: { check: OPTION.integer(1, 100_000), default: 32 },
  maxAnswerBytes: { check: OPTION.integer(1, GIB), default: 1024 * 1024 },
  maxAnswerParts: { check: OPTION.integer(1, 1_000_000), default: 10_000 },
  maxBodyBytes: { check: OPTION.integer(1, GIB), default: 1024 * 1024 },
  bodyTimeoutMs: { check: OPTION.integer(1, 600_000), default: 10_000 },
  authenticateTimeoutMs: { check: OPTION.integer(1, 600_000), default: 5000 },
  maxStreams: { check: OPTION.integer(1, 100_000), default: 256 },
  maxStreamsPerCaller: { check: OPTION.integer(1, 100_000), default: 32 },
  maxUnreadBytes: { check: OPTION.integer(1024, GIB), default: 1024 * 1024 },
  keepAliveMs: { check: OPTION.integer(10, 600_000), default: 15_000 },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Completes the options of a bridge. @throws `ERR_INVALID_ARGUMENT` for what cannot be. */
export function resolveBridgeOptions(options: A2ABridgeOptions): ResolvedBridgeOptions {
  const resolved = resolveOptions('an A2A bridge', options, ROWS);
  OPTION.text('service', options.service);
  if (options.url !== undefined && !/^https?:$/.test(URL.parse(options.url)?.protocol ?? ''))
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `url must be an http or https URL, got ${JSON.stringify(options.url)}`,
    );
  const { clock, logger } = resolved;
  return {
    ...resolved,
    push: options.push && resolveOptions('push', options.push, PUSH_ROWS),
    taskStore: options.taskStore ?? new MemoryTaskStore({ clock }),
    logger: countRepeats(logger, clock),
  };
}
