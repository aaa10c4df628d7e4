import { AgentwireError, checkInteger, checkKnownOptions } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import { topicMatches } from './topic-pattern.ts';

/** What a topic remembers. */
export interface TopicKeeping {
  /** Whether a new subscriber may have the last message. Default false. */
  readonly retain?: boolean;
  /** Messages that can be replayed by sequence, 0 to 100 000. Default 0. */
  readonly history?: number;
}

interface Kept {
  readonly retain: boolean;
  readonly history: number;
  readonly messages: KernelMessage[];
  last: KernelMessage | undefined;
  sequence: number;
}

/** The last messages of the topics that were told to remember them. */
export class TopicHistory {
  readonly #topics = new Map<string, Kept>();
  readonly #maxTopics: number;

  constructor(maxTopics: number) {
    this.#maxTopics = maxTopics;
  }

  /** Sets what a topic remembers; nothing at all forgets it. */
  keep(topic: string, keeping: TopicKeeping): void {
    checkKnownOptions('a kept topic', keeping, ['retain', 'history']);
    const history = checkInteger('history', keeping.history ?? 0, 0, 100_000);
    const retain = keeping.retain ?? false;
    this.#topics.delete(topic);
    if (!retain && history === 0) return;
    if (this.#topics.size >= this.#maxTopics) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#maxTopics} topics remember messages already`);
    }
    this.#topics.set(topic, { retain, history, messages: [], last: undefined, sequence: 0 });
  }

  /** Notes a message and gives its sequence, counted from 1; undefined for topics that remember nothing. */
  note(topic: string, message: KernelMessage): number | undefined {
    if (this.#topics.size === 0) return undefined;
    const kept = this.#topics.get(topic);
    if (kept === undefined) return undefined;
    kept.sequence += 1;
    if (kept.retain) kept.last = message;
    if (kept.history > 0) {
      kept.messages.push(message);
      if (kept.messages.length > kept.history) kept.messages.shift();
    }
    return kept.sequence;
  }

  /** The last message of every topic that a pattern matches. */
  retained(pattern: string): KernelMessage[] {
    const found: KernelMessage[] = [];
    for (const [topic, kept] of this.#topics) {
      if (kept.last !== undefined && topicMatches(pattern, topic)) found.push(kept.last);
    }
    return found;
  }

  /** The messages of a topic from a sequence on that are still there. */
  replay(topic: string, fromSequence: number): KernelMessage[] {
    const kept = this.#topics.get(topic);
    if (kept === undefined) return [];
    const first = kept.sequence - kept.messages.length + 1;
    return kept.messages.slice(Math.max(0, fromSequence - first));
  }
}
