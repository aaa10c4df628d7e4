import { AgentwireError, type Clock, type ErrorCode, type Logger, toAgentwireError } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import type { ChainManager } from '../chain/chain-manager.ts';
import { type CapabilityChecker, mayReachSubscriber } from '../process/capability-checker.ts';
import { type Pid, processNotFound } from '../process/pid.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { KeptMessage } from '../routing/topic-history.ts';
import { checkPattern } from '../routing/topic-pattern.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import { recordReplay } from './audit.ts';
import type { InboxTable } from './inbox-table.ts';
import type { RemoteBackend } from './remote-backend.ts';

/** Collaborators of subscriptions. */
export interface SubscriptionsDeps {
  readonly table: ProcessTable;
  readonly checker: CapabilityChecker;
  readonly topics: TopicRouter;
  readonly inboxes: InboxTable;
  readonly backend: RemoteBackend | undefined;
  readonly chain: ChainManager | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Subscriptions of the processes of this node, and what they are given of the past. */
export class Subscriptions {
  readonly #deps: SubscriptionsDeps;
  readonly #detach: () => void;

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
    const { backend } = deps;
    // the topics ask themselves, so that `topicRouter.subscribe` is no way around the scope.
    this.#detach = deps.topics.attach({
      check: (pid, pattern) => this.#check(pid, pattern),
      changed:
        backend === undefined ? undefined : (pattern, subscribed) => backend.subscriptionChanged(pattern, subscribed),
    });
  }

  /** Subscribes a process and gives it what it asks for of the past; throws `ERR_CAPABILITY_DENIED` outside its scope. */
  add(pid: Pid, pattern: string, options: SubscribeOptions): void {
    checkOptions('subscribe', options, TABLE);
    const { topics } = this.#deps;
    this.#check(pid, pattern);
    const remembered = topics.remembered(pattern, options.fromSequence, options.retained === true);
    topics.subscribe(pid, pattern);
    for (const kept of remembered) this.#give(pid, kept);
  }

  /** Ends a subscription; false if there was none. */
  remove(pid: Pid, pattern: string): boolean {
    return this.#deps.topics.unsubscribe(pid, pattern);
  }

  /** Ends every subscription of a process. */
  removeAll(pid: Pid): void {
    this.#deps.topics.dropAll(pid);
  }

  /** Tells the backend about subscriptions that are older than the router. */
  announce(): void {
    for (const pattern of this.#deps.topics.patterns()) this.#deps.backend?.subscriptionChanged(pattern, true);
  }

  /** Asks and tells nothing any more. */
  close(): void {
    this.#detach();
  }

  #check(pid: Pid, pattern: string): void {
    checkPattern(pattern);
    const { table, checker } = this.#deps;
    const entry = table.get(pid);
    if (entry === undefined) throw processNotFound(pid);
    if (entry.state === 'exited') throw new AgentwireError('ERR_INVALID_STATE', `process ${pid} has exited`);
    if (checker.canUseTopic(pid, pattern)) return;
    throw new AgentwireError(
      'ERR_CAPABILITY_DENIED',
      `process ${pid} may not subscribe to ${JSON.stringify(pattern.slice(0, 80))}`,
      { detail: { pid } },
    );
  }

  /** Past messages meet the same rules as live ones: the publisher's scope, their deadline, the sender is left out, the chain. */
  #give(pid: Pid, { message, publisher }: KeptMessage): void {
    const { inboxes, chain, clock, logger } = this.#deps;
    if (publisher !== undefined && !mayReachSubscriber(publisher, pid)) return;
    if (message.from === pid && message.fromNode === undefined) return;
    if (message.deadline !== undefined && message.deadline <= clock.wallNow()) return;
    const settle = (code: ErrorCode | undefined): void => {
      if (chain !== undefined) recordReplay(chain, message, pid, code ?? 'delivered');
    };
    const give = (): void | Promise<void> => {
      const outcome = inboxes.offer(pid, message, undefined);
      return outcome instanceof Promise ? outcome.then(settle) : settle(outcome);
    };
    const lost = (error: unknown): void => {
      const { code, message: text } = toAgentwireError(error, 'ERR_IO');
      logger.error({ pid, code, error: text }, 'a remembered message cannot be recorded, so it is not handed over');
    };
    try {
      if (chain !== undefined) recordReplay(chain, message, pid, undefined);
      const given = chain?.fsync === 'always' ? chain.durable().then(give) : give();
      if (given instanceof Promise) given.catch(lost);
    } catch (error) {
      lost(error);
    }
  }
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Deliver at once the last message of every matching topic that remembers it. Default false. */
  readonly retained?: boolean | undefined;
  /** Deliver at once what the topic remembers from this sequence on, an integer from 0; only for a topic without wildcards. */
  readonly fromSequence?: number | undefined;
}

const TABLE: OptionTable<SubscribeOptions> = {
  retained: OPTION.boolean,
  fromSequence: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
};
