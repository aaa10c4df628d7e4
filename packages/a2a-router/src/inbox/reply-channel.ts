import type { KernelMessage, MessageOptions } from '../message/message.ts';
import type { Payload } from '../message/payload.ts';
import type { SendReport } from '../router/send-report.ts';

/** Channel back from a recipient of messages to their senders; `request` is the pending request that the message carries, if it does. */
export interface Replier {
  /** Sends an answer, or one part of several. */
  answer(
    to: KernelMessage,
    payload: Payload,
    options: MessageOptions | undefined,
    streamed: KernelMessage['streamed'],
    request?: object,
  ): Promise<SendReport>;
  /** Gives the signal that aborts when the request of a message is over. */
  signal(to: KernelMessage, request?: object): AbortSignal;
  /** Takes the right to send one more part; undefined at once, a promise while the asker has not read enough. */
  credit(to: KernelMessage): Promise<void> | undefined;
  /** Gives that right back for a part that was not sent. */
  restore(to: KernelMessage): void;
}
