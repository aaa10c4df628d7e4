import type { SendReport } from '../router/send-report.ts';
import type { KernelMessage, MessageOptions } from './message.ts';
import type { Payload } from './payload.ts';

/** Channel back from a recipient of messages to their senders. */
export interface Replier {
  /** Sends an answer, or one part of several. */
  answer(
    to: KernelMessage,
    payload: Payload,
    options: MessageOptions | undefined,
    streamed: KernelMessage['streamed'],
  ): Promise<SendReport>;
  /** Gives the signal that aborts when the request of a message is over. */
  signal(to: KernelMessage): AbortSignal;
  /** Takes the right to send one more part; undefined at once, a promise while the asker has not read enough. */
  credit(to: KernelMessage): Promise<void> | undefined;
  /** Gives that right back for a part that was not sent. */
  restore(to: KernelMessage): void;
}
