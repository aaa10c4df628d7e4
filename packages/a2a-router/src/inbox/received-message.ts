import { copyPayload } from '../message/copy-payload.ts';
import type { KernelMessage } from '../message/message.ts';
import { boundRequest } from '../message/seal-message.ts';
import type { Payload } from '../message/payload.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { Replier } from './reply-channel.ts';
import { createReply, type Reply } from './reply.ts';

/** A message as its recipient gets it: everything a {@link KernelMessage} has, {@link ReceivedMessage.reply} and {@link ReceivedMessage.signal}. */
export class ReceivedMessage implements KernelMessage {
  readonly id: string;
  readonly from: Pid;
  readonly target: Target;
  readonly payload: Payload;
  readonly timestamp: number;
  readonly correlationId: string | undefined;
  readonly traceId: string | undefined;
  readonly traceparent: string | undefined;
  readonly deadline: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly priority: 'high' | 'normal' | undefined;
  readonly durable: boolean | undefined;
  readonly fromNode: string | undefined;
  readonly deferred: boolean | undefined;
  readonly sequence: number | undefined;
  readonly expects: 'answer' | 'stream' | undefined;
  readonly streamed: 'part' | 'end' | 'error' | undefined;
  readonly #replier: Replier;
  readonly #request: object | undefined;
  #reply: Reply | undefined;
  #signal: AbortSignal | undefined;

  constructor(message: KernelMessage, replier: Replier) {
    this.id = message.id;
    this.from = message.from;
    this.target = message.target;
    // What several receive is copied for each: one that changes its payload changes nobody else's.
    this.payload = isShared(message.target) ? copyPayload(message.payload) : message.payload;
    this.timestamp = message.timestamp;
    this.correlationId = message.correlationId;
    this.traceId = message.traceId;
    this.traceparent = message.traceparent;
    this.deadline = message.deadline;
    this.idempotencyKey = message.idempotencyKey;
    this.priority = message.priority;
    this.durable = message.durable;
    this.fromNode = message.fromNode;
    this.deferred = message.deferred;
    this.sequence = message.sequence;
    this.expects = message.expects;
    this.streamed = message.streamed;
    this.#replier = replier;
    this.#request = boundRequest(message);
  }

  /** Answers the sender: `reply(payload)` once, or `reply.write(part)` and `reply.end()` for `requestStream`. */
  get reply(): Reply {
    this.#reply ??= createReply(this, this.#replier, this.#request);
    return this.#reply;
  }

  /**
   * Aborts when the sender does not wait any more: it gave up, its time is over, it has exited, or another one answered.
   *
   * It never aborts for a message that was not sent with `request`, `requestMany` or `requestStream`.
   */
  get signal(): AbortSignal {
    this.#signal ??= this.#replier.signal(this, this.#request);
    return this.#signal;
  }
}

function isShared({ kind }: Target): boolean {
  return kind === 'topic' || kind === 'broadcast' || kind === 'remoteNode';
}
