import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { ScopeHolder } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { type KeptMessage, TopicHistory, type TopicKeeping } from './topic-history.ts';
import { checkPattern, checkTopic, hasWildcard } from './topic-pattern.ts';
import { PatternSubscriptions, type Subscriber } from './pattern-subscriptions.ts';

/** Options of a {@link TopicRouter}. */
export interface TopicRouterOptions {
  /** Subscriptions it holds at most, 1 to 10 000 000. Default 100 000. */
  readonly maxSubscriptions?: number | undefined;
  /** Topics whose last values or history it keeps at most, 1 to 1 000 000. Default 1000. */
  readonly maxKeptTopics?: number | undefined;
}

const TABLE: OptionTable<TopicRouterOptions> = {
  maxSubscriptions: { check: OPTION.integer(1, 10_000_000), default: 100_000 },
  maxKeptTopics: { check: OPTION.integer(1, 1_000_000), default: 1000 },
};

/** @internal What the router that topics belong to asks of each subscription. */
export interface TopicHooks {
  /** Throws when a process may not subscribe to a pattern. */
  readonly check: (pid: Pid, pattern: string) => void;
  /** Told about the first subscription to a pattern, and about the end of the last one. */
  readonly changed: ((pattern: string, subscribed: boolean) => void) | undefined;
}

const CACHED_TOPICS = 4096;
/** Subscriptions of processes to topics and patterns, in the order of subscription, and what a topic remembers. */
export class TopicRouter {
  readonly #byPattern = new PatternSubscriptions();
  readonly #byPid = new Map<Pid, Subscriber>();
  readonly #cache = new Map<string, readonly Pid[]>();
  readonly #history: TopicHistory;
  readonly #maxSubscriptions: number;
  readonly #hooks = new Set<TopicHooks>();
  #count = 0;
  #sequence = 0;

  constructor(options: TopicRouterOptions = {}) {
    const { maxSubscriptions, maxKeptTopics } = resolveOptions('TopicRouter', options, TABLE);
    this.#maxSubscriptions = maxSubscriptions;
    this.#history = new TopicHistory(maxKeptTopics);
  }

  /** Subscriptions it holds. */
  get subscriptionCount(): number {
    return this.#count;
  }

  /**
   * Adds a subscription to a topic or pattern; a second time changes nothing. Throws `ERR_OVERLOADED` when full.
   *
   * Topics that belong to a router throw `ERR_CAPABILITY_DENIED` outside the scope of the process.
   */
  subscribe(pid: Pid, pattern: string): void {
    checkPattern(pattern);
    for (const { check } of this.#hooks) check(pid, pattern);
    this.#byPattern.sweep();
    const known = this.#byPattern.live(pattern);
    if (known?.has(pid) === true) return;
    if (this.#count >= this.#maxSubscriptions) {
      throw new AgentwireError('ERR_OVERLOADED', `there are ${this.#maxSubscriptions} subscriptions already`, {
        detail: { maxSubscriptions: this.#maxSubscriptions },
      });
    }
    const subscriptions = known ?? this.#byPattern.begin(pattern);
    const subscriber = this.#subscriber(pid);
    subscriber.patterns.add(pattern);
    subscriptions.set(pid, { rank: this.#sequence, subscriber });
    this.#sequence += 1;
    this.#count += 1;
    this.#forgetCached(pattern);
    if (known === undefined) for (const { changed } of this.#hooks) changed?.(pattern, true);
  }

  /** Ends a subscription; false if there was none. */
  unsubscribe(pid: Pid, pattern: string): boolean {
    this.#byPattern.sweep();
    const subscriber = this.#byPid.get(pid);
    if (subscriber?.patterns.delete(pattern) !== true) return false;
    if (subscriber.patterns.size === 0) this.#byPid.delete(pid);
    this.#byPattern.delete(pattern, pid);
    this.#count -= 1;
    this.#forgetCached(pattern);
    this.#left(pattern);
    return true;
  }

  /** Ends every subscription of a process and gives back their patterns. */
  unsubscribeAll(pid: Pid): string[] {
    return [...(this.dropAll(pid) ?? [])];
  }

  /** @internal The same without a list, so that an exit costs the same at any number of patterns. */
  dropAll(pid: Pid): ReadonlySet<string> | undefined {
    const subscriber = this.#byPid.get(pid);
    if (subscriber === undefined) return undefined;
    const { patterns } = subscriber;
    this.#byPid.delete(pid);
    subscriber.gone = true;
    this.#count -= patterns.size;
    this.#cache.clear();
    this.#byPattern.leave(subscriber);
    // only a backend has to be told of each pattern.
    if ([...this.#hooks].some(({ changed }) => changed !== undefined))
      for (const pattern of patterns) this.#left(pattern);
    return patterns;
  }

  /** The processes that a message on a topic is for, each once, in the order of their subscriptions. */
  subscribers(topic: string): readonly Pid[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found = this.#byPattern.find(checkTopic(topic));
    if (this.#cache.size >= CACHED_TOPICS) this.#cache.clear();
    this.#cache.set(topic, found);
    return found;
  }

  /** Tells whether anybody subscribed to exactly this topic or pattern. */
  has(pattern: string): boolean {
    return this.#byPattern.live(pattern) !== undefined;
  }

  /** Topics and patterns with at least one subscriber. */
  patterns(): string[] {
    return [...this.#byPattern.patterns()].filter((pattern) => this.has(pattern));
  }

  /** Makes a topic remember its last message, or its last ones by sequence; replaces what was set before. */
  keep(topic: string, keeping: TopicKeeping): void {
    this.#history.keep(checkTopic(topic), keeping);
  }

  /** Notes a message for topics that remember, and gives its sequence there, or undefined. `publisher` limits who may have it later. */
  note(topic: string, message: KernelMessage, publisher?: ScopeHolder): number | undefined {
    return this.#history.note(topic, message, publisher);
  }

  /** The last message of every remembered topic that a pattern matches. */
  retained(pattern: string): KernelMessage[] {
    return this.#history.retained(checkPattern(pattern)).map(({ message }) => message);
  }

  /** Messages that a topic remembers from a sequence on, oldest first; each has its `sequence`. */
  replay(topic: string, fromSequence: number): KernelMessage[] {
    return this.#history.replay(checkTopic(topic), fromSequence).map(({ message }) => message);
  }

  /** @internal The same two with the scope of who published. */
  remembered(pattern: string, fromSequence: number | undefined, retained: boolean): KeptMessage[] {
    const missed = fromSequence === undefined ? [] : this.#history.replay(checkTopic(pattern), fromSequence);
    return retained && missed.length === 0 ? this.#history.retained(checkPattern(pattern)) : missed;
  }

  /** @internal Called by a router that these topics belong to; gives back the function that ends it. */
  attach(hooks: TopicHooks): () => void {
    this.#hooks.add(hooks);
    return () => this.#hooks.delete(hooks);
  }

  #subscriber(pid: Pid): Subscriber {
    let subscriber = this.#byPid.get(pid);
    if (subscriber === undefined) {
      subscriber = { pid, patterns: new Set(), gone: false };
      this.#byPid.set(pid, subscriber);
    }
    return subscriber;
  }

  #left(pattern: string): void {
    if (this.#byPattern.live(pattern) === undefined) for (const { changed } of this.#hooks) changed?.(pattern, false);
  }

  /** A topic is in one list of the cache, a pattern may be in any. */
  #forgetCached(pattern: string): void {
    if (hasWildcard(pattern)) this.#cache.clear();
    else this.#cache.delete(pattern);
  }
}
