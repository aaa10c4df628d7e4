import type { Pid } from '../process/pid.ts';
import { PatternTree } from './pattern-tree.ts';
import { hasWildcard } from './topic-pattern.ts';

/** Process that has subscribed, with its patterns. */
export interface Subscriber {
  readonly pid: Pid;
  readonly patterns: Set<string>;
  /** True once it has exited. */
  gone: boolean;
}
interface Subscription {
  readonly rank: number;
  readonly subscriber: Subscriber;
}
type Subscriptions = Map<Pid, Subscription>;

/** Subscriptions of processes that have exited that one call takes out at most. */
const SWEPT_AT_ONCE = 128;
const NO_PIDS: readonly Pid[] = Object.freeze([]);

/** Subscriptions by pattern. Those of processes that have exited are taken out step by step, so that one exit costs the same at any number. */
export class PatternSubscriptions {
  readonly #byPattern = new Map<string, Subscriptions>();
  readonly #wildcards = new PatternTree<Subscriptions>();
  readonly #leftovers: { readonly subscriber: Subscriber; readonly patterns: Iterator<string, undefined> }[] = [];

  /** Patterns, also those that only processes which have exited subscribed to. */
  patterns(): IterableIterator<string> {
    return this.#byPattern.keys();
  }

  /** Begins the subscriptions to a pattern that has none. */
  begin(pattern: string): Subscriptions {
    const subscriptions: Subscriptions = new Map();
    this.#byPattern.set(pattern, subscriptions);
    if (hasWildcard(pattern)) this.#wildcards.set(pattern, subscriptions);
    return subscriptions;
  }

  /** Takes one subscription out. */
  delete(pattern: string, pid: Pid): void {
    this.#byPattern.get(pattern)?.delete(pid);
  }

  /** Takes all subscriptions of a process that has exited out, a bounded number with each {@link PatternSubscriptions.sweep}. */
  leave(subscriber: Subscriber): void {
    this.#leftovers.push({ subscriber, patterns: subscriber.patterns.values() });
  }

  /** The subscriptions to a pattern without those of processes that have exited; undefined, and the pattern gone, when none is left. */
  live(pattern: string): Subscriptions | undefined {
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

  /** Takes some of those of processes that have exited out. */
  sweep(): void {
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
      this.live(next.value);
    }
  }

  /** The processes whose patterns match a topic, each once, in the order of their subscriptions. */
  find(topic: string): readonly Pid[] {
    this.sweep();
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
