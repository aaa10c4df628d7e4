import { AgentwireError } from '@agentwire/core';
import type { CapabilityChecker } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { processNotFound } from '../process/process-not-found.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import type { InboxTable } from './inbox-table.ts';
import type { RemoteBackend } from './remote-backend.ts';
import type { SubscribeOptions } from './subscribe-options.ts';

/** What subscriptions work with. */
export interface SubscriptionsParts {
  readonly table: ProcessTable;
  readonly checker: CapabilityChecker;
  readonly topics: TopicRouter;
  readonly inboxes: InboxTable;
  readonly backend: RemoteBackend | undefined;
}

/** Which processes of this node listen to which pattern; the backend is told of a pattern's first one and last one. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  /** Subscribes a process and gives it what it asks for of the past; throws `ERR_CAPABILITY_DENIED` outside its scope. */
  add(pid: Pid, pattern: string, options: SubscribeOptions): void {
    const { table, checker, topics, inboxes, backend } = this.#parts;
    if (table.get(pid) === undefined) throw processNotFound(pid);
    if (!checker.canUseTopic(pid, pattern)) {
      throw new AgentwireError(
        'ERR_CAPABILITY_DENIED',
        `process ${pid} may not subscribe to ${JSON.stringify(pattern)}`,
      );
    }
    const known = topics.has(pattern);
    topics.subscribe(pid, pattern);
    if (!known) backend?.subscriptionChanged(pattern, true);
    const missed = options.fromSequence === undefined ? [] : topics.replay(pattern, options.fromSequence);
    const last = options.retained === true && missed.length === 0 ? topics.retained(pattern) : [];
    for (const message of [...missed, ...last]) void inboxes.offer(pid, message, undefined);
  }

  /** Ends a subscription; false if there was none. */
  remove(pid: Pid, pattern: string): boolean {
    const gone = this.#parts.topics.unsubscribe(pid, pattern);
    if (gone) this.#left(pattern);
    return gone;
  }

  /** Ends every subscription of a process. */
  removeAll(pid: Pid): void {
    for (const pattern of this.#parts.topics.unsubscribeAll(pid)) this.#left(pattern);
  }

  #left(pattern: string): void {
    const { topics, backend } = this.#parts;
    if (!topics.has(pattern)) backend?.subscriptionChanged(pattern, false);
  }
}
