import type { KernelMessage, RemoteReply } from '@agentwire/a2a-router';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { encodeFailure, encodeMessage, TAKEN } from './wire.ts';

/** Tells the sender of a message that somebody here has it. */
export function tellTaken(link: NodeLink, source: string, replyTo: string | undefined): void {
  const subject = link.subjects.answerTo(source, replyTo);
  if (subject !== undefined && link.connected) link.connection.publish(subject, TAKEN);
}

/** Makes the way back to a request of another node; undefined when it asks for no answer. */
export function openReply(
  link: NodeLink,
  source: string,
  replyTo: string | undefined,
  tellFailure: boolean,
): RemoteReply | undefined {
  const subject = link.subjects.answerTo(source, replyTo);
  if (subject === undefined) return undefined;
  return {
    answer: (message: KernelMessage): void => {
      const { connection, options, stats } = link;
      const inner = message.target.kind === 'remoteNode' ? message.target.target : message.target;
      link.checkConnected();
      const text = encodeMessage(message, inner, options.clock.wallNow());
      link.checkSize(text);
      try {
        connection.publish(subject, text);
      } catch (error) {
        throw fromNatsError(error, 'answer');
      }
      stats.sent += 1;
    },
    fail: (code, text): void => {
      // Another node may still answer what was asked on a topic, so nobody is told that this one will not.
      if (!tellFailure || !link.connected) return;
      try {
        link.connection.publish(subject, encodeFailure(code, text));
      } catch (error) {
        link.options.logger.debug({ error: fromNatsError(error, 'answer').message }, 'a failure could not be told');
      }
    },
  };
}
