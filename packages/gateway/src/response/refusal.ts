import type { Decision } from '@agentwire/core';

/** Thrown through the gateway's own stages when an agent decided against a request; not an error of anybody. */
export class Refusal extends Error {
  readonly agent: string;
  readonly decision: Decision;

  constructor(agent: string, decision: Decision) {
    super(`${agent} decided: ${decision.verdict.type}`);
    this.name = 'Refusal';
    this.agent = agent;
    this.decision = decision;
  }
}

/** Thrown for a request that the gateway itself does not take, before any agent is asked. */
export class BadRequest extends Error {
  readonly status: 400 | 501;

  constructor(status: 400 | 501, message: string) {
    super(message);
    this.name = 'BadRequest';
    this.status = status;
  }
}
