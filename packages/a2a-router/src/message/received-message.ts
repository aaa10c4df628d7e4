import type { Pid } from '../process/pid.ts';
import { copyPayload } from './copy-payload.ts';
import type { KernelMessage } from './message.ts';
import type { Payload } from './payload.ts';
import type { Replier } from './reply-channel.ts';
import { createReply, type Reply } from './reply.ts';
import type { Target } from './target.ts';

/** Request that a message asks. */
export interface AskedRequest {
  /** True once it is over. */
  readonly ended: boolean;
}

/**
 * Message as its recipient gets it: the fields of a {@link KernelMessage}, {@link ReceivedMessage.reply} and {@link ReceivedMessage.signal}.
 *
 * The router passes messages on as objects of this class from the start, so that the one recipient of a message gets it without
 * another copy. Its fields are declared only: a class would set each of them twice.
 */
export class ReceivedMessage implements KernelMessage {
  declare readonly id: string;
  declare readonly from: Pid;
  declare readonly target: Target;
  declare readonly payload: Payload;
  declare readonly timestamp: number;
  declare readonly correlationId: string | undefined;
  declare readonly traceId: string | undefined;
  declare readonly traceparent: string | undefined;
  declare readonly deadline: number | undefined;
  declare readonly idempotencyKey: string | undefined;
  declare readonly priority: 'high' | 'normal' | undefined;
  declare readonly durable: boolean | undefined;
  declare readonly notBefore: number | undefined;
  declare readonly fromNode: string | undefined;
  declare readonly deferred: boolean | undefined;
  declare readonly sequence: number | undefined;
  declare readonly expects: 'answer' | 'stream' | undefined;
  declare readonly streamed: 'part' | 'end' | 'error' | undefined;
  #replier: Replier | undefined;
  #request: AskedRequest | undefined;
  #reply: Reply | undefined;
  #signal: AbortSignal | undefined;

  /** @internal Takes over the fields of a message whose payload is the recipient's own. */
  constructor(message: KernelMessage, payload: Payload) {
    this.id = message.id;
    this.from = message.from;
    this.target = message.target;
    this.payload = payload;
    this.timestamp = message.timestamp;
    this.correlationId = message.correlationId;
    this.traceId = message.traceId;
    this.traceparent = message.traceparent;
    this.deadline = message.deadline;
    this.idempotencyKey = message.idempotencyKey;
    this.priority = message.priority;
    this.durable = message.durable;
    this.notBefore = message.notBefore;
    this.fromNode = message.fromNode;
    this.deferred = message.deferred;
    this.sequence = message.sequence;
    this.expects = message.expects;
    this.streamed = message.streamed;
  }

  /** Answers the sender: `reply(payload)` once, or `reply.write(part)` and `reply.end()` for `requestStream`. */
  get reply(): Reply {
    this.#reply ??= createReply(this, this.#ownReplier());
    return this.#reply;
  }

  /**
   * Aborts when the sender does not wait any more: it gave up, its time is over, it has exited, or another one answered.
   *
   * It never aborts for a message that was not sent with `request`, `requestMany` or `requestStream`.
   */
  get signal(): AbortSignal {
    this.#signal ??= this.#ownReplier().signal(this);
    return this.#signal;
  }

  /**
   * @internal Gives a message to a recipient that answers through `replier`.
   *
   * A message with several recipients is copied for each of them: a recipient that changes its payload changes no other's.
   */
  static deliver(message: KernelMessage, replier: Replier): ReceivedMessage {
    const isOwn = #replier in message && message.#replier === undefined && !isShared(message.target);
    const received = isOwn ? message : new ReceivedMessage(message, ownPayload(message));
    if (!isOwn && #request in message) received.#request = message.#request;
    received.#replier = replier;
    return received;
  }

  /** @internal Makes the message of a request of another node, whose payload is the recipient's own. */
  static ofRequest(message: KernelMessage, expects: KernelMessage['expects'], request: AskedRequest): ReceivedMessage {
    const received = new ReceivedMessage(message, message.payload);
    (received as { expects: KernelMessage['expects'] }).expects = expects;
    received.#request = request;
    return received;
  }

  /** @internal Notes the request that a message asks; a copy of the message does not carry it. */
  static bindRequest(message: KernelMessage, request: AskedRequest): void {
    if (#request in message) message.#request = request;
  }

  /** @internal Gives the request that {@link ReceivedMessage.bindRequest} noted; undefined for every other message. */
  static requestOf(message: KernelMessage): AskedRequest | undefined {
    return #request in message ? message.#request : undefined;
  }

  #ownReplier(): Replier {
    if (this.#replier === undefined) throw new TypeError('the message was not received');
    return this.#replier;
  }
}

function ownPayload({ target, payload }: KernelMessage): Payload {
  return isShared(target) ? copyPayload(payload) : payload;
}

function isShared({ kind }: Target): boolean {
  return kind === 'topic' || kind === 'broadcast' || kind === 'remoteNode';
}
