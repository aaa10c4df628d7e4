import { AgentwireError } from '@agentwire/core';
import type { DurableDeadLetter } from './durable-dead-letter.ts';
import { type DurableInbox, openDurableInbox } from './durable-inbox.ts';
import type { DurableHandler, DurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import type { NodeLink } from './node-link.ts';

/** Returns the error of a durable call on a backend without `durable`. */
export function withoutDurable(): AgentwireError {
  const what =
    'this backend was made without the option durable: give createNatsBackend `durable: {}`, or `durable: { create: false }` where another user makes its streams or it only sends to inboxes of others';
  return new AgentwireError('ERR_UNSUPPORTED', what);
}

/** Durable inboxes of this node that are open, and their dead letters. */
export class DurableInboxes {
  /** Those that are open. */
  readonly open: Set<DurableInbox> = new Set();
  readonly #link: NodeLink;
  readonly #streams: DurableStreams | undefined;

  constructor(link: NodeLink, streams: DurableStreams | undefined) {
    this.#link = link;
    this.#streams = streams;
  }

  /** Opens an inbox. @throws AgentwireError `ERR_INVALID_STATE` without a router, `ERR_UNSUPPORTED` without the option durable */
  async add(name: string, handler: DurableHandler, options: DurableInboxOptions | undefined): Promise<DurableInbox> {
    // the router admits each message, so that without one an inbox would take messages and handle none
    if (!this.#link.hasHost)
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'an inbox needs the router of its node: createA2ARouter({ backend, acceptRemote }) first',
      );
    const inbox = await openDurableInbox({
      link: this.#link,
      streams: this.#need(),
      name,
      handler,
      options,
      onClosed: (closed) => this.open.delete(closed),
    });
    this.open.add(inbox);
    return inbox;
  }

  /** The dead letters of an inbox, oldest first. */
  deadLetters(name: string, limit: number): Promise<DurableDeadLetter[]> {
    return this.#need().deadLetters(this.#link.subjects.deadOf(name), limit);
  }

  /** Puts a dead letter into its inbox again. */
  redrive(name: string, sequence: number): Promise<void> {
    const { subjects, options } = this.#link;
    return this.#need().redrive(subjects.deadOf(name), subjects.inbox(options.nodeId, name), sequence);
  }

  #need(): DurableStreams {
    if (this.#streams !== undefined) return this.#streams;
    throw withoutDurable();
  }
}
