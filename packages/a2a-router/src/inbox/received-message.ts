import type { KernelMessage, MessageOptions } from '../message/message.ts';
import type { Payload } from '../message/payload.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { SendReport } from '../router/send-report.ts';

/** Sends an answer to a message on behalf of the one who received it. */
export type Replier = (to: KernelMessage, payload: Payload, options: MessageOptions | undefined) => Promise<SendReport>;

/** A message as its recipient gets it: everything a {@link KernelMessage} has, and {@link ReceivedMessage.reply}. */
export class ReceivedMessage implements KernelMessage {
  readonly id: string;
  readonly from: Pid;
  readonly target: Target;
  readonly payload: Payload;
  readonly timestamp: number;
  readonly correlationId: string | undefined;
  readonly traceId: string | undefined;
  readonly deadline: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly priority: 'high' | 'normal' | undefined;
  readonly durable: boolean | undefined;
  readonly fromNode: string | undefined;
  readonly deferred: boolean | undefined;
  readonly #reply: Replier;

  constructor(message: KernelMessage, reply: Replier) {
    this.id = message.id;
    this.from = message.from;
    this.target = message.target;
    this.payload = message.payload;
    this.timestamp = message.timestamp;
    this.correlationId = message.correlationId;
    this.traceId = message.traceId;
    this.deadline = message.deadline;
    this.idempotencyKey = message.idempotencyKey;
    this.priority = message.priority;
    this.durable = message.durable;
    this.fromNode = message.fromNode;
    this.deferred = message.deferred;
    this.#reply = reply;
  }

  /**
   * Answers the sender; the answer carries this message's id as correlation id and its trace id.
   *
   * If the sender waits in `request`, the answer completes it, whatever the scope of the one who answers.
   */
  reply(payload: Payload, options?: MessageOptions): Promise<SendReport> {
    return this.#reply(this, payload, options);
  }
}
