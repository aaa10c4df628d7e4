import { hasWildcard, PatternTree } from '@agentwire/a2a-router/internal';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';

/** Topics and patterns that this node listens to. */
export class TopicListening {
  readonly #link: NodeLink;
  readonly #take: (msg: Msg) => void;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #wildcards = new PatternTree<true>();
  /** True while topics that only an ended pattern covered may still be counted. */
  #isDue = false;

  constructor(link: NodeLink, take: (msg: Msg) => void) {
    this.#link = link;
    this.#take = take;
  }

  /** Begins or ends to listen to a topic or pattern. */
  listen(pattern: string, on: boolean): void {
    this.#subscriptions.get(pattern)?.unsubscribe();
    this.#subscriptions.delete(pattern);
    if (on) this.#begin(pattern);
    else this.#end(pattern);
  }

  /** Listens to nothing any more. */
  stop(): void {
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
  }

  #begin(pattern: string): void {
    // what a pattern that ended before covered is counted anew, also if this one covers it.
    this.#forgetUncovered();
    if (hasWildcard(pattern)) this.#wildcards.set(pattern, true);
    this.#subscriptions.set(pattern, this.#link.listen(this.#link.subjects.anyTopic(pattern), this.#take));
  }

  #end(pattern: string): void {
    if (!hasWildcard(pattern)) {
      if (!this.#covers(pattern)) this.#link.losses.forget(pattern);
      return;
    }
    this.#wildcards.delete(pattern);
    if (this.#isDue) return;
    // one walk over the topics for all patterns that end in this turn, such as those of a process that exits.
    this.#isDue = true;
    queueMicrotask(() => this.#forgetUncovered());
  }

  #forgetUncovered(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#link.losses.forgetUnless((topic) => this.#covers(topic));
  }

  #covers(topic: string): boolean {
    if (this.#subscriptions.has(topic)) return true;
    let isFound = false;
    this.#wildcards.match(topic, () => (isFound = true));
    return isFound;
  }
}
