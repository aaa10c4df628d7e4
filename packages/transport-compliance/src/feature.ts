/** What a medium may be unable to do; a transport that cannot says so, and the cases that need it are skipped. */
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
  /** A refused peer learns why. */
  readonly refusals: string;
}

/** The name of one feature. */
export type KitFeature = keyof KitFeatures;

/** Every feature with what it means, for tables. */
export const KIT_FEATURES: KitFeatures = Object.freeze<KitFeatures>({
  reverse: 'an agent can dial, too',
  authorize: "the dialling side's token reaches `authorize`, which can refuse",
  capabilities: "the agent's capabilities travel in the handshake",
  clock: 'deadlines run on the clock that `create` was given',
  pause: "a paused receiver makes the sender's buffer fill",
  refusals: 'a refused peer learns why',
});
