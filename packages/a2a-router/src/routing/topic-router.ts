import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { ScopeHolder } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import { type KeptMessage, TopicHistory, type TopicKeeping } from './topic-history.ts';
import { checkPattern, checkTopic, hasWildcard } from './topic-pattern.ts';
import { PatternTree } from './pattern-tree.ts';

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

interface Subscriber {
  readonly pid: Pid;
  readonly patterns: Set<string>;
  gone: boolean;
}
interface Subscription {
  readonly rank: number;
  readonly subscriber: Subscriber;
}
type Subscriptions = Map<Pid, Subscription>;

const CACHED_TOPICS = 4096;
/** Subscriptions of processes that have exited that one call takes out at most. */
const SWEPT_AT_ONCE = 128;
const NO_PIDS: readonly Pid[] = Object.freeze([]);

/** Subscriptions of processes to topics and patterns, in the order of subscription, and what a topic remembers. */
export class TopicRouter {
  readonly #byPattern = new Map<string, Subscriptions>();
  readonly #byPid = new Map<Pid, Subscriber>();
  readonly #wildcards = new PatternTree<Subscriptions>();
  readonly #cache = new Map<string, readonly Pid[]>();
  /** Patterns of processes that have exited: they are taken out step by step, so that one exit costs the same at any number. */
  readonly #leftovers: { readonly subscriber: Subscriber; readonly patterns: Iterator<string, undefined> }[] = [];
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
    this.#sweep();
    const known = this.#live(pattern);
    if (known?.has(pid) === true) return;
    if (this.#count >= this.#maxSubscriptions) {
      throw new AgentwireError('ERR_OVERLOADED', `there are ${this.#maxSubscriptions} subscriptions already`, {
        detail: { maxSubscriptions: this.#maxSubscriptions },
      });
    }
    const subscriptions = known ?? this.#begin(pattern);
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
    this.#sweep();
    const subscriber = this.#byPid.get(pid);
    if (subscriber?.patterns.delete(pattern) !== true) return false;
    if (subscriber.patterns.size === 0) this.#byPid.delete(pid);
    this.#byPattern.get(pattern)?.delete(pid);
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
    this.#leftovers.push({ subscriber, patterns: subscriber.patterns.values() });
    // only a backend has to be told of each pattern.
    if ([...this.#hooks].some(({ changed }) => changed !== undefined))
      for (const pattern of patterns) this.#left(pattern);
    return patterns;
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

  /** Tells whether anybody subscribed to exactly this topic or pattern. */
  has(pattern: string): boolean {
    return this.#live(pattern) !== undefined;
  }

  /** Topics and patterns with at least one subscriber. */
  patterns(): string[] {
    return [...this.#byPattern.keys()].filter((pattern) => this.has(pattern));
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

  #begin(pattern: string): Subscriptions {
    const subscriptions: Subscriptions = new Map();
    this.#byPattern.set(pattern, subscriptions);
    if (hasWildcard(pattern)) this.#wildcards.set(pattern, subscriptions);
    return subscriptions;
  }

  /** The subscriptions to a pattern without those of processes that have exited; undefined, and the pattern gone, when none is left. */
  #live(pattern: string): Subscriptions | undefined {
    const subscriptions = this.#byPattern.get(pattern);
    if (subscriptions === undefined) return undefined;
    for (const [pid, { subscriber }] of subscriptions) {
      if (!subscriber.gone) return subscriptions;
      subscriptions.delete(pid);
    }
    this.#byPattern.delete(pattern);
    if (hasWildcard(pattern)) this.#wildcards.delete(pattern);
    return undefined;
  }

  #left(pattern: string): void {
    if (this.#live(pattern) === undefined) for (const { changed } of this.#hooks) changed?.(pattern, false);
  }

  /** A topic is in one list of the cache, a pattern may be in any. */
  #forgetCached(pattern: string): void {
    if (hasWildcard(pattern)) this.#cache.clear();
    else this.#cache.delete(pattern);
  }

  #sweep(): void {
    for (let count = 0; count < SWEPT_AT_ONCE; count += 1) {
      const [oldest] = this.#leftovers;
      if (oldest === undefined) return;
      const next = oldest.patterns.next();
      if (next.done === true) {
        this.#leftovers.shift();
        continue;
      }
      const { pid } = oldest.subscriber;
      const subscriptions = this.#byPattern.get(next.value);
      if (subscriptions?.get(pid)?.subscriber === oldest.subscriber) subscriptions.delete(pid);
      this.#live(next.value);
    }
  }

  #find(topic: string): readonly Pid[] {
    this.#sweep();
    const ranked = new Map<Pid, number>();
    const collect = (subscriptions: Subscriptions): void => {
      for (const [pid, { rank, subscriber }] of subscriptions) {
        if (!subscriber.gone) ranked.set(pid, Math.min(rank, ranked.get(pid) ?? rank));
      }
    };
    const exact = this.#byPattern.get(topic);
    if (exact !== undefined) collect(exact);
    this.#wildcards.match(topic, collect);
    if (ranked.size === 0) return NO_PIDS;
    return [...ranked].toSorted((one, other) => one[1] - other[1]).map(([pid]) => pid);
  }
}
