import { copyPayload } from '../message/copy-payload.ts';
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
  readonly sequence: number | undefined;
  readonly expects: 'answer' | 'stream' | undefined;
  readonly streamed: 'part' | 'end' | 'error' | undefined;
  readonly #reply: Replier;

  constructor(message: KernelMessage, reply: Replier) {
    this.id = message.id;
    this.from = message.from;
    this.target = message.target;
    // What several receive is copied for each: one that changes its payload changes nobody else's.
    this.payload = isShared(message.target) ? copyPayload(message.payload) : message.payload;
    this.timestamp = message.timestamp;
    this.correlationId = message.correlationId;
    this.traceId = message.traceId;
    this.deadline = message.deadline;
    this.idempotencyKey = message.idempotencyKey;
    this.priority = message.priority;
    this.durable = message.durable;
    this.fromNode = message.fromNode;
    this.deferred = message.deferred;
    this.sequence = message.sequence;
    this.expects = message.expects;
    this.streamed = message.streamed;
    this.#reply = reply;
  }

  /**
   * Answers the sender; the answer carries this message's id as correlation id and its trace id.
   *
   * If the sender waits in `request`, the answer completes it, whatever the scope of the one who answers. A second answer, or one
   * that comes after the wait has ended, reaches nobody: `delivered` is 0, and `rejected` says `ERR_REQUEST_ENDED`.
   */
  reply(payload: Payload, options?: MessageOptions): Promise<SendReport> {
    return this.#reply(this, payload, options);
  }
}

function isShared({ kind }: Target): boolean {
  return kind === 'topic' || kind === 'broadcast' || kind === 'remoteNode';
}
