import type { Clock } from '@agentwire/core';
import type { AgentCapabilities } from './capabilities.ts';

/** Senders of other nodes that are counted at most; the one that was first seen the longest ago is evicted. */
const MAX_COUNTED = 10_000;
/** Rounding of a clock's fractions must not cost a token. */
const EPSILON = 1e-6;

interface Bucket {
  messages: number;
  toolCalls: number;
  at: number;
}

/** Rates per second of messages and tool calls, for each sender: a token bucket that holds one second's worth. */
export class RateLimits {
  readonly #clock: Clock;
  readonly #buckets = new Map<string | number, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts one attempt to send; gives back what there is too much of, or undefined. */
  count(
    sender: string | number,
    { maxMessages, maxToolCalls }: AgentCapabilities,
    isToolCall: boolean,
  ): 'messages' | 'tool calls' | undefined {
    const limited = maxMessages !== Infinity || (isToolCall && maxToolCalls !== Infinity);
    if (!limited) return undefined;
    const bucket = this.#refill(sender, maxMessages, maxToolCalls);
    if (bucket.messages + EPSILON < 1) return 'messages';
    if (isToolCall && bucket.toolCalls + EPSILON < 1) {
      bucket.messages -= 1;
      return 'tool calls';
    }
    bucket.messages -= 1;
    if (isToolCall) bucket.toolCalls -= 1;
    return undefined;
  }

  /** Forgets a process that has exited. */
  forget(sender: string | number): void {
    this.#buckets.delete(sender);
  }

  #refill(sender: string | number, maxMessages: number, maxToolCalls: number): Bucket {
    const now = this.#clock.now();
    let bucket = this.#buckets.get(sender);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_COUNTED) {
        const [oldest] = this.#buckets.keys();
        if (oldest !== undefined) this.#buckets.delete(oldest);
      }
      bucket = { messages: maxMessages, toolCalls: maxToolCalls, at: now };
      this.#buckets.set(sender, bucket);
      return bucket;
    }
    const seconds = Math.max(0, now - bucket.at) / 1000;
    bucket.at = now;
    bucket.messages = refilled(bucket.messages, maxMessages, seconds);
    bucket.toolCalls = refilled(bucket.toolCalls, maxToolCalls, seconds);
    return bucket;
  }
}

/** A limit that was changed meanwhile holds at once; one that was lifted leaves no NaN behind. */
function refilled(tokens: number, rate: number, seconds: number): number {
  if (rate === Infinity) return Infinity;
  return tokens === Infinity ? rate : Math.min(rate, tokens + rate * seconds);
}
