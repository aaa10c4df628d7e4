import { AgentwireError } from '@agentwire/core';
import type { JetStreamManager } from '@nats-io/jetstream';
import { namesId } from './durable-headers.ts';
import { fromNatsError, isMissing } from './nats-errors.ts';

/** Cancellations of one node that wait for their turn, in whatever inboxes. */
const MAX_SEARCHES = 100;

/** Delayed messages of one stream that leave it: into their inbox when their time has come, or because they are taken back. */
export class DelayedMessages {
  /** Numbers of those that go into their inbox now, and of those that are taken back now: never both. */
  readonly leaving: Set<number> = new Set();
  readonly cancelling: Set<number> = new Set();
  readonly #manager: JetStreamManager;
  readonly #stream: string;
  /** Cancellations in hand, by the node that asked for them. */
  readonly #searches = new Map<string, { waiting: number; last: Promise<boolean> }>();

  constructor(manager: JetStreamManager, stream: string) {
    this.#manager = manager;
    this.#stream = stream;
  }

  /**
   * Takes back the delayed message of a node by its subject and id; false when there is none, or its time has come.
   *
   * The messages of one subject are looked through one by one, so the cancellations of one node wait for each other; past 100 it is `ERR_OVERLOADED`.
   */
  unschedule(node: string, subject: string, id: string): Promise<boolean> {
    const before = this.#searches.get(node) ?? { waiting: 0, last: Promise.resolve(false) };
    if (before.waiting >= MAX_SEARCHES)
      return Promise.reject(
        new AgentwireError('ERR_OVERLOADED', `${MAX_SEARCHES} cancellations of one node wait already`),
      );
    before.waiting += 1;
    const turn = before.last
      .catch(() => false)
      .then(() => this.#takeBack(subject, id))
      .finally(() => {
        before.waiting -= 1;
        if (before.waiting === 0) this.#searches.delete(node);
      });
    before.last = turn;
    this.#searches.set(node, before);
    return turn;
  }

  async #takeBack(subject: string, id: string): Promise<boolean> {
    let sequence: number | undefined;
    try {
      sequence = await this.#findDelayed(subject, id);
      if (sequence === undefined || this.leaving.has(sequence)) return false;
      this.cancelling.add(sequence);
      return await this.#manager.streams.deleteMessage(this.#stream, sequence);
    } catch (error) {
      if (isMissing(error)) return false;
      throw fromNatsError(error, 'a delayed message could not be cancelled');
    } finally {
      if (sequence !== undefined) this.cancelling.delete(sequence);
    }
  }

  async #findDelayed(subject: string, id: string): Promise<number | undefined> {
    for (let from = 1; ;) {
      const query = { seq: from, next_by_subj: subject };
      const stored = await this.#manager.streams.getMessage(this.#stream, query);
      if (stored === null || namesId(stored.header, id)) return stored?.seq;
      from = stored.seq + 1;
    }
  }
}
