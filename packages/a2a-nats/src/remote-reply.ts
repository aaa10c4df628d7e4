import type { KernelMessage } from '@agentwire/a2a-router';
import type { RemoteReply } from '@agentwire/a2a-router/internal';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { encodeFailure, encodeWorking, TAKEN } from './note-text.ts';
import { encodeMessage } from './wire.ts';

/** Tells the sender of a message that a process here has it. */
export function tellTaken(link: NodeLink, source: string, replyTo: string | undefined): void {
  const subject = link.subjects.answerTo(source, replyTo);
  if (subject !== undefined) link.say(subject, TAKEN);
}

/** Process on another node that waits for an answer. */
export interface Asker {
  /** Its node. */
  readonly source: string;
  /** Id of its request. */
  readonly id: string;
  /** Subject that it gave for the answer. */
  readonly replyTo: string | undefined;
  /** True when a failure here is an answer to it. */
  readonly tellFailure: boolean;
  /** Parts that it has room for, when it asks for a stream. */
  readonly window: number | undefined;
}

/** Makes the way back to a request of another node; undefined when it asks for no answer. */
export function openReply(
  link: NodeLink,
  { source, id, replyTo, tellFailure, window }: Asker,
): RemoteReply | undefined {
  const subject = link.subjects.answerTo(source, replyTo);
  if (subject === undefined) return undefined;
  let places = 0;
  return {
    window,
    answer: (message: KernelMessage): void => {
      const { batch, options, stats } = link;
      const inner = message.target.kind === 'remoteNode' ? message.target.target : message.target;
      link.checkConnected();
      const part = window === undefined ? undefined : places + 1;
      const text = encodeMessage(message, inner, options.clock.wallNow(), { part });
      link.checkSize(text);
      try {
        batch.publish(subject, text);
      } catch (error) {
        throw fromNatsError(error, 'answer');
      }
      places += 1;
      stats.sent += 1;
    },
    watch: (): void => link.say(subject, encodeWorking(id)),
    fail: (code, text): void => {
      // another node may still answer what was asked on a topic, so the asker is not told that this one will not.
      if (tellFailure) link.say(subject, encodeFailure(code, text));
    },
  };
}
