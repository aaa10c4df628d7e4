/** Options of a subscription. */
export interface SubscribeOptions {
  /** Deliver at once the last message of every matching topic that remembers it. Default false. */
  readonly retained?: boolean;
  /** Deliver at once what the topic remembers from this sequence on, an integer from 0; only for a topic without wildcards. */
  readonly fromSequence?: number;
}
