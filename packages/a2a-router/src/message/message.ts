import { type Clock, systemClock } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import type { Pid } from '../process/pid.ts';
import { createMessageId } from './message-id.ts';
import type { Payload } from './payload.ts';
import type { Target } from './target.ts';

/** Options of a message besides its target and payload. */
export interface MessageOptions {
  /** Id of the message that this one answers; at most 256 bytes. */
  readonly correlationId?: string | undefined;
  /** Id that ties the messages of one job together; at most 256 bytes; replies inherit it. */
  readonly traceId?: string | undefined;
  /** W3C `traceparent` of the span that it is sent in; else `ERR_INVALID_ARGUMENT`. Answers inherit it; a tracer of the router replaces it. */
  readonly traceparent?: string | undefined;
  /** Milliseconds since 1970 after which it is not delivered (`ERR_TIMEOUT`); a number from 0. Default: none. */
  readonly deadline?: number | undefined;
  /** Key of at most 1024 bytes: two messages of one sender with the same key reach a recipient once. Default: none. */
  readonly idempotencyKey?: string | undefined;
  /** `high` overtakes what is queued as `normal`, which is the default. */
  readonly priority?: 'high' | 'normal' | undefined;
  /**
   * Keep it outside the process until its recipient has handled it.
   *
   * Only for `remoteNode(node, service(name))`, through a backend that can; elsewhere it changes nothing.
   */
  readonly durable?: boolean | undefined;
  /** Milliseconds since 1970 before which a durable message is not handled, a year ahead at most; only with `durable`. Default: at once. */
  readonly notBefore?: number | undefined;
}

/** One message between agents, as the kernel sees it. */
export interface KernelMessage extends MessageOptions {
  /** Random and unguessable, 128 bits in hex, when `createMessage` made it; 1 to 256 bytes. */
  readonly id: string;
  /** Pid of the sender; set by the router when an endpoint sends. */
  readonly from: Pid;
  /** Its target. */
  readonly target: Target;
  /** Its content. */
  readonly payload: Payload;
  /** Milliseconds since 1970 at which it was made. */
  readonly timestamp: number;
  /** Node of the sender when it came from another one; set by the backend, never by a sender. */
  readonly fromNode?: string | undefined;
  /** True when a gate answered `defer`, so that the handler's own gate decides. */
  readonly deferred?: boolean | undefined;
  /** Place on its topic, counted from 1, when the topic remembers messages; set by the router. */
  readonly sequence?: number | undefined;
  /** `answer` or `stream` when the sender waits in `request` or `requestStream`; set by the router. */
  readonly expects?: 'answer' | 'stream' | undefined;
  /** Place of an answer in a stream: one of several parts, its end, or the failure that ended it; set by the router. */
  readonly streamed?: 'part' | 'end' | 'error' | undefined;
}

const NO_OPTIONS: MessageOptions = Object.freeze({});

const KNOWN: readonly (keyof MessageOptions)[] = [
  'correlationId',
  'traceId',
  'traceparent',
  'deadline',
  'idempotencyKey',
  'priority',
  'durable',
  'notBefore',
];

/** Throws `ERR_INVALID_ARGUMENT` for options of a message with a key that there is none of; the values are checked when it is sent. */
export function checkMessageOptions(options: MessageOptions): void {
  checkKnownOptions('a message', options, KNOWN);
}

/**
 * Makes a message with a fresh id; for the kernel side, because `from` is believed. The router checks and copies it when it is sent.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an option that there is none of
 */
export function createMessage(
  from: Pid,
  target: Target,
  payload: Payload,
  options: MessageOptions = NO_OPTIONS,
  clock: Clock = systemClock,
): KernelMessage {
  if (options !== NO_OPTIONS) checkMessageOptions(options);
  return {
    id: createMessageId(),
    from,
    target,
    payload,
    timestamp: clock.wallNow(),
    correlationId: options.correlationId,
    traceId: options.traceId,
    traceparent: options.traceparent,
    deadline: options.deadline,
    idempotencyKey: options.idempotencyKey,
    priority: options.priority,
    durable: options.durable,
    notBefore: options.notBefore,
    fromNode: undefined,
    deferred: undefined,
    sequence: undefined,
    expects: undefined,
    streamed: undefined,
  };
}
