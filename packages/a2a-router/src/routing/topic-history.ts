import { AgentwireError } from '@agentwire/core';
import { checkInteger, OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import { Ring } from '../inbox/ring.ts';
import type { KernelMessage } from '../message/message.ts';
import type { ScopeHolder } from '../process/capability-checker.ts';
import { topicMatches } from './topic-pattern.ts';

/** Messages that a topic keeps. */
export interface TopicKeeping {
  /** True when a new subscriber may have the last message. Default false. */
  readonly retain?: boolean | undefined;
  /** Messages that can be replayed by sequence, 0 to 100 000. Default 0. */
  readonly history?: number | undefined;
}

const TABLE: OptionTable<TopicKeeping> = {
  retain: { check: OPTION.boolean, default: false },
  history: { check: OPTION.integer(0, 100_000), default: 0 },
};

/** One message that a topic remembers. */
export interface KeptMessage {
  /** The message, with its `sequence` on the topic. */
  readonly message: KernelMessage;
  /** Scope of its publisher when it was published; it decides who may have the message later. */
  readonly publisher: ScopeHolder | undefined;
}

interface Kept {
  readonly retain: boolean;
  readonly history: number;
  readonly messages: Ring<KeptMessage>;
  last: KeptMessage | undefined;
  sequence: number;
}

/** The last messages of the topics that were told to remember them. */
export class TopicHistory {
  readonly #topics = new Map<string, Kept>();
  readonly #maxTopics: number;

  constructor(maxTopics: number) {
    this.#maxTopics = maxTopics;
  }

  /** Sets what a topic remembers; nothing at all forgets it. @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_OVERLOADED` */
  keep(topic: string, keeping: TopicKeeping): void {
    const { retain, history } = resolveOptions('a kept topic', keeping, TABLE);
    this.#topics.delete(topic);
    if (!retain && history === 0) return;
    if (this.#topics.size >= this.#maxTopics) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#maxTopics} topics remember messages already`);
    }
    this.#topics.set(topic, { retain, history, messages: new Ring(), last: undefined, sequence: 0 });
  }

  /** Notes a message and gives its sequence, counted from 1; undefined for topics that remember nothing. */
  note(topic: string, message: KernelMessage, publisher: ScopeHolder | undefined): number | undefined {
    if (this.#topics.size === 0) return undefined;
    const kept = this.#topics.get(topic);
    if (kept === undefined) return undefined;
    kept.sequence += 1;
    // a process entry is a live view: what counts is its scope at this moment.
    const scope =
      publisher === undefined ? undefined : { capabilities: publisher.capabilities, parent: publisher.parent };
    const entry: KeptMessage = { message: { ...message, sequence: kept.sequence }, publisher: scope };
    if (kept.retain) kept.last = entry;
    if (kept.history > 0) {
      kept.messages.push(entry);
      if (kept.messages.length > kept.history) kept.messages.shift();
    }
    return kept.sequence;
  }

  /** The last message of every topic that a pattern matches. */
  retained(pattern: string): KeptMessage[] {
    const found: KeptMessage[] = [];
    for (const [topic, kept] of this.#topics) {
      if (kept.last !== undefined && topicMatches(pattern, topic)) found.push(kept.last);
    }
    return found;
  }

  /** The messages of a topic from a sequence on that are still there. */
  replay(topic: string, fromSequence: number): KeptMessage[] {
    checkInteger('fromSequence', fromSequence, 0, Number.MAX_SAFE_INTEGER);
    const kept = this.#topics.get(topic);
    if (kept === undefined) return [];
    const first = kept.sequence - kept.messages.length + 1;
    return [...kept.messages].slice(Math.max(0, fromSequence - first));
  }
}
