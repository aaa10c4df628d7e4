import { AgentwireError } from '@agentwire/core';
import type { JsMsg } from '@nats-io/jetstream';
import { forwardHeaders, replyOf, waitOf } from './durable-headers.ts';
import type { DurableStreams } from './durable-streams.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { parseSubject } from './subject-parts.ts';

/** Milliseconds until a message that could not be put into its inbox is tried again. */
const RETRY_MS = 1000;

/** Puts delayed messages of one durable inbox into it when their time has come; the server keeps the time meanwhile. */
export class Later {
  readonly #link: NodeLink;
  readonly #streams: DurableStreams;
  readonly #name: string;

  constructor(link: NodeLink, streams: DurableStreams, name: string) {
    this.#link = link;
    this.#streams = streams;
    this.#name = name;
  }

  /** Takes one delivery: gives it back until its time has come, then puts it into the inbox; never rejects. */
  async take(msg: JsMsg): Promise<void> {
    const { clock, logger } = this.#link.options;
    try {
      const sentAt = Math.round(msg.info.timestampNanos / 1_000_000);
      const left = sentAt + waitOf(msg.headers) - clock.wallNow();
      if (left > 0) {
        msg.nak(left);
        return;
      }
      await this.#forward(msg, sentAt);
    } catch (error) {
      const wrong = error instanceof AgentwireError ? error : fromNatsError(error, 'delayed message');
      if (wrong.code === 'ERR_PROTOCOL') msg.term();
      else msg.nak(RETRY_MS);
      logger.warn({ inbox: this.#name, error: wrong.message }, 'a delayed message could not be put into its inbox');
    }
  }

  async #forward(msg: JsMsg, sentAt: number): Promise<void> {
    const { subjects, options } = this.#link;
    const { source, way, node, rest } = parseSubject(msg.subject);
    if (way !== 'later' || node !== options.nodeId || rest[1] !== this.#name)
      throw new AgentwireError('ERR_PROTOCOL', 'a delayed message came from another place than its inbox');
    const sequence = msg.info.streamSequence;
    if (this.#streams.delayed.cancelling.has(sequence)) {
      msg.nak(RETRY_MS);
      return;
    }
    // from here on a cancellation comes too late, and its sender is told so.
    this.#streams.delayed.leaving.add(sequence);
    try {
      const about = forwardHeaders(subjects.inboxOf(source, this.#name), sentAt, replyOf(msg.headers));
      await this.#streams.forward(subjects.inbox(options.nodeId, this.#name, isHigh(msg)), msg, about);
      await msg.ackAck();
    } finally {
      this.#streams.delayed.leaving.delete(sequence);
    }
  }
}

/** Reads the priority of a message; text that cannot be read is refused by the inbox. */
function isHigh(msg: JsMsg): boolean {
  try {
    return (Object(JSON.parse(msg.string()) as unknown) as { readonly priority?: unknown }).priority === 'high';
  } catch {
    return false;
  }
}
