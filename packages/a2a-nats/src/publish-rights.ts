import { setImmediate } from 'node:timers/promises';
import { AgentwireError } from '@agentwire/core';
import { fromNatsError } from './nats-errors.ts';
import type { PublishBatch } from './publish-batch.ts';

const MAX_KNOWN = 10_000;

/**
 * Subjects that the server lets this node publish on.
 *
 * A server says nothing of a publication that it takes and refuses one without naming it, so the first on each subject
 * waits until the server has answered a ping that was sent after it.
 */
export class PublishRights {
  readonly #batch: PublishBatch;
  readonly #allowed = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();
  /** Ping that takes further subjects along. */
  #answered: Promise<void> | undefined;

  constructor(batch: PublishBatch) {
    this.#batch = batch;
  }

  /** Tells whether the server accepted a publication on a subject during this connection. */
  has(subject: string): boolean {
    return this.#allowed.has(subject);
  }

  /** Resolves once the server has taken what was just published; rejects with `ERR_UNAUTHORIZED` if it refused it. */
  confirm(subject: string): Promise<void> {
    const known = this.#asking.get(subject);
    if (known !== undefined) return known;
    const asking = this.#ask(subject).finally(() => this.#asking.delete(subject));
    this.#asking.set(subject, asking);
    return asking;
  }

  /** Notes that the server refused a publication. */
  refuse(subject: string): void {
    this.#allowed.delete(subject);
    this.#refused.add(subject);
  }

  /** Tells whether the server refused an unconfirmed publication on a subject. */
  isRefused(subject: string): boolean {
    return this.#refused.has(subject);
  }

  /** Knows nothing any more, because another connection may have other rights. */
  forget(): void {
    this.#allowed.clear();
    this.#refused.clear();
  }

  async #ask(subject: string): Promise<void> {
    await (this.#answered ??= this.#untilAnswered());
    if (this.#refused.delete(subject)) {
      throw new AgentwireError(
        'ERR_UNAUTHORIZED',
        `the server does not let this node publish on ${subject}; see nodePermissions`,
        { detail: { subject } },
      );
    }
    if (this.#allowed.size >= MAX_KNOWN) this.#allowed.clear();
    this.#allowed.add(subject);
  }

  /** Subjects of one turn of the event loop share a ping. */
  async #untilAnswered(): Promise<void> {
    await Promise.resolve();
    this.#answered = undefined;
    try {
      await this.#batch.flush();
    } catch (error) {
      throw fromNatsError(error, 'publish');
    }
    // the refusal came before the answer to the ping, but the client tells of it a moment later.
    await setImmediate();
  }
}
