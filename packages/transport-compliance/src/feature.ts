/** Abilities that a medium may lack; a transport declares that, and the cases that need them are skipped. */
export interface KitFeatures {
  /** An agent can dial, too. */
  readonly reverse: string;
  /** The dialling side's token reaches `authorize`, which can refuse. */
  readonly authorize: string;
  /** The agent's capabilities travel in the handshake. */
  readonly capabilities: string;
  /** Deadlines run on the clock that `create` was given. */
  readonly clock: string;
  /** A paused receiver makes the sender's buffer fill. */
  readonly pause: string;
  /** A refused peer learns the reason and its code. */
  readonly refusals: string;
  /** The subject's `malform` can send an answer that cannot be decoded; absent without that function. */
  readonly malform: string;
}

/** Name of one feature. */
export type KitFeature = keyof KitFeatures;

/** Every feature with its meaning, for tables. */
export const KIT_FEATURES: KitFeatures = Object.freeze<KitFeatures>({
  reverse: 'an agent can dial, too',
  authorize: "the dialling side's token reaches `authorize`, which can refuse",
  capabilities: "the agent's capabilities travel in the handshake",
  clock: 'deadlines run on the clock that `create` was given',
  pause: "a paused receiver makes the sender's buffer fill",
  refusals: 'a refused peer learns the reason and its code',
  malform: '`malform` can send an answer that cannot be decoded',
});
