import type { Decision } from '@agentwire/core';

/** Thrown within a pipeline when an agent refused a request or response: its verdict blocks, redirects or challenges. */
export class Refusal extends Error {
  /** Name of the agent. */
  readonly agent: string;
  readonly decision: Decision;

  constructor(agent: string, decision: Decision) {
    super(`${agent} decided: ${decision.verdict.type}`);
    this.name = 'Refusal';
    this.agent = agent;
    this.decision = decision;
  }
}
