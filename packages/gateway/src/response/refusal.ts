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

/**
 * Thrown for a request that the gateway itself does not take, before any agent is asked. Its connection ends with the
 * answer: what comes after such a request cannot be told from a part of it.
 */
export class BadRequest extends Error {
  readonly status: 400 | 405 | 408 | 414 | 431 | 501 | 505;
  /** More headers of the answer, name and value in turn. */
  readonly headers: readonly string[];

  constructor(status: BadRequest['status'], message: string, headers: readonly string[] = []) {
    super(message);
    this.name = 'BadRequest';
    this.status = status;
    this.headers = headers;
  }
}
