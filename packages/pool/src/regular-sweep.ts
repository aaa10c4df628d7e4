import type { Clock, TimerHandle } from '@agentwire/core';
import type { AgentTable } from './agent-table.ts';

const SWEEP_MS = 10_000;

/** Makes every agent forget, now and then, requests that have been silent for too long; until it is stopped. */
export class RegularSweep {
  readonly #clock: Clock;
  readonly #agents: AgentTable;
  #timer: TimerHandle;

  constructor(clock: Clock, agents: AgentTable) {
    this.#clock = clock;
    this.#agents = agents;
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      for (const agent of this.#agents.all()) agent.requests.sweep();
      this.#schedule();
    }, SWEEP_MS);
  }

  /** Ends it. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
