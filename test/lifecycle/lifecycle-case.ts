import type { Lifecycle } from '@agentwire/core/internal';

/** An object whose states are tested, and its events by the names that its lifecycle gives them. */
export interface Subject {
  readonly state: () => string;
  readonly events: Readonly<Record<string, () => unknown>>;
}

/** A class with states: its lifecycle, and how to make one and let things happen to it. */
export interface LifecycleCase {
  /** Name in the markers of `docs/lifecycle.md`. */
  readonly name: string;
  readonly lifecycle: Lifecycle;
  /** Makes an object in the first state of the lifecycle. */
  create(): Subject | Promise<Subject>;
}
