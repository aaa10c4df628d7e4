import type { AgentwireError, Decision, EventType } from '@agentwire/core';
import { decideByPolicy, failureKind, type FailurePolicy, ruleFor, ruleName } from '../failure-policy.ts';
import type { ResolvedPoolOptions } from '../options.ts';

/** Decides in the place of one agent when that could not, as its failure policy says; counts and logs it. */
export class FailureDecider {
  /** Questions that it decided. */
  count = 0;
  readonly #agent: string;
  readonly #policy: FailurePolicy;
  readonly #options: ResolvedPoolOptions;

  constructor(agent: string, policy: FailurePolicy, options: ResolvedPoolOptions) {
    this.#agent = agent;
    this.#policy = policy;
    this.#options = options;
  }

  /** What the policy decides about an event that ended with `error`; throws the error where no policy speaks for it. */
  decide(event: EventType, error: AgentwireError): Decision {
    const agent = this.#agent;
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    const { logger, metrics } = this.#options;
    const rule = ruleFor(this.#policy, kind);
    const policy = ruleName(rule);
    this.count += 1;
    metrics.count('agent_failures_total', { agent, policy, reason: kind });
    logger.warn({ agent, event, kind, policy, code: error.code }, 'an agent could not decide; its failure policy did');
    return decideByPolicy(rule, { agent, kind, event, error });
  }
}
