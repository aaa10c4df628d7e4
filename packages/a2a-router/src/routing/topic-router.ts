import { AgentwireError, checkInteger, checkKnownOptions } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { TopicHistory, type TopicKeeping } from './topic-history.ts';
import { checkPattern, checkTopic, hasWildcard, topicMatches } from './topic-pattern.ts';

/** Options of a {@link TopicRouter}. */
export interface TopicRouterOptions {
  /** Subscriptions it holds at most. Default 100 000. */
  readonly maxSubscriptions?: number;
  /** Topics whose last values or history it keeps at most. Default 1000. */
  readonly maxKeptTopics?: number;
}

const CACHED_TOPICS = 4096;
const NOBODY: readonly Pid[] = Object.freeze([]);

/** Who subscribed to which topic, in the order of subscription, and what a topic remembers. */
export class TopicRouter {
  readonly #bySubscription = new Map<string, Set<Pid>>();
  readonly #wildcards = new Set<string>();
  readonly #cache = new Map<string, readonly Pid[]>();
  readonly #order = new Map<string, number>();
  readonly #history: TopicHistory;
  readonly #maxSubscriptions: number;
  #count = 0;
  #sequence = 0;

  constructor(options: TopicRouterOptions = {}) {
    checkKnownOptions('TopicRouter', options, ['maxSubscriptions', 'maxKeptTopics']);
    this.#maxSubscriptions = checkInteger('maxSubscriptions', options.maxSubscriptions ?? 100_000, 1, 10_000_000);
    this.#history = new TopicHistory(checkInteger('maxKeptTopics', options.maxKeptTopics ?? 1000, 1, 1_000_000));
  }

  /** Subscriptions it holds. */
  get subscriptionCount(): number {
    return this.#count;
  }

  /** Adds a subscription to a topic or pattern; a second time changes nothing. Throws `ERR_OVERLOADED` when full. */
  subscribe(pid: Pid, pattern: string): void {
    checkPattern(pattern);
    const pids = this.#bySubscription.get(pattern);
    if (pids?.has(pid)) return;
    if (this.#count >= this.#maxSubscriptions) {
      throw new AgentwireError('ERR_OVERLOADED', `there are ${this.#maxSubscriptions} subscriptions already`, {
        detail: { maxSubscriptions: this.#maxSubscriptions },
      });
    }
    if (pids === undefined) this.#bySubscription.set(pattern, new Set([pid]));
    else pids.add(pid);
    if (hasWildcard(pattern)) this.#wildcards.add(pattern);
    this.#order.set(`${pattern} ${pid}`, this.#sequence);
    this.#sequence += 1;
    this.#count += 1;
    this.#cache.clear();
  }

  /** Ends a subscription; false if there was none. */
  unsubscribe(pid: Pid, pattern: string): boolean {
    const pids = this.#bySubscription.get(pattern);
    if (pids === undefined || !pids.delete(pid)) return false;
    if (pids.size === 0) {
      this.#bySubscription.delete(pattern);
      this.#wildcards.delete(pattern);
    }
    this.#order.delete(`${pattern} ${pid}`);
    this.#count -= 1;
    this.#cache.clear();
    return true;
  }

  /** Ends every subscription of a process and gives back their patterns. */
  unsubscribeAll(pid: Pid): string[] {
    const gone = [...this.#bySubscription.keys()].filter((pattern) => this.#bySubscription.get(pattern)?.has(pid));
    for (const pattern of gone) this.unsubscribe(pid, pattern);
    return gone;
  }

  /** The processes that a message on a topic is for, each once, in the order of their subscriptions. */
  subscribers(topic: string): readonly Pid[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found = this.#find(checkTopic(topic));
    if (this.#cache.size >= CACHED_TOPICS) this.#cache.clear();
    this.#cache.set(topic, found);
    return found;
  }

  /** Whether anybody subscribed to exactly this topic or pattern. */
  has(pattern: string): boolean {
    return this.#bySubscription.has(pattern);
  }

  /** Topics and patterns with at least one subscriber. */
  patterns(): string[] {
    return [...this.#bySubscription.keys()];
  }

  /** Makes a topic remember its last message, or its last ones by sequence; replaces what was set before. */
  keep(topic: string, keeping: TopicKeeping): void {
    this.#history.keep(checkTopic(topic), keeping);
  }

  /** Notes a message for topics that remember, and gives its sequence there, or undefined. */
  note(topic: string, message: KernelMessage): number | undefined {
    return this.#history.note(topic, message);
  }

  /** The last message of every remembered topic that a pattern matches. */
  retained(pattern: string): KernelMessage[] {
    return this.#history.retained(checkPattern(pattern));
  }

  /** What a topic remembers from a sequence on, oldest first. */
  replay(topic: string, fromSequence: number): KernelMessage[] {
    return this.#history.replay(checkTopic(topic), fromSequence);
  }

  #find(topic: string): readonly Pid[] {
    const ranked = new Map<Pid, number>();
    const collect = (pattern: string): void => {
      for (const pid of this.#bySubscription.get(pattern) ?? NOBODY) {
        const rank = this.#order.get(`${pattern} ${pid}`) ?? 0;
        ranked.set(pid, Math.min(rank, ranked.get(pid) ?? rank));
      }
    };
    collect(topic);
    for (const pattern of this.#wildcards) if (topicMatches(pattern, topic)) collect(pattern);
    if (ranked.size === 0) return NOBODY;
    return [...ranked].toSorted((one, other) => one[1] - other[1]).map(([pid]) => pid);
  }
}
