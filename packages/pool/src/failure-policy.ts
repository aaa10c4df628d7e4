import {
  AgentwireError,
  type Decision,
  type EventType,
  type Logger,
  type MetricsRecorder,
  type RequestId,
} from '@agentwire/core';
import { checkKnownOptions, containRejection, type OptionSchema } from '@agentwire/core/internal';
import { failureKind, type FailureKind } from './failure-kind.ts';

/** One failure, as the function of a policy gets it. */
export interface Failure {
  readonly agent: string;
  readonly kind: FailureKind;
  readonly event: EventType;
  readonly error: AgentwireError;
}

/** `closed` blocks with 503, `open` allows; a function decides, and counts as `closed` where it throws or returns no decision. */
export type FailureRule = 'closed' | 'open' | ((failure: Failure) => Decision);

/** Rules by kind of failure. Default of each: `default`. */
export interface FailureRules extends Partial<Record<FailureKind, FailureRule>> {
  /** No decision in time. */
  readonly timeout?: FailureRule;
  /** No connection to the agent, or it was lost, refused or is draining. */
  readonly unavailable?: FailureRule;
  /** Message or change that the protocol or HTTP forbids, or that came too late. */
  readonly protocol?: FailureRule;
  /** No room: the queue, or the agent, is full. */
  readonly overloaded?: FailureRule;
  /** Circuit breaker open after failures in a row: the agent was not asked. */
  readonly circuit_open?: FailureRule;
  /** Agent that asked for no new requests. */
  readonly flow_paused?: FailureRule;
  /** Event or body that is longer than a limit. */
  readonly too_large?: FailureRule;
  /** Error of the agent's handler. */
  readonly agent_error?: FailureRule;
  /** Rule for every other kind; default `closed`. */
  readonly default?: FailureRule;
}

/** One rule for everything, or one per kind, with `default` for the rest. Default: `closed`. */
export type FailurePolicy = FailureRule | FailureRules;

const POLICY_KEYS: readonly (FailureKind | 'default')[] = [
  'timeout',
  'unavailable',
  'protocol',
  'overloaded',
  'circuit_open',
  'flow_paused',
  'too_large',
  'agent_error',
  'default',
];

/** Schema of the policies that a file can have: all but functions. */
export function failurePolicySchema(): OptionSchema {
  const rule = { enum: ['closed', 'open'] };
  return {
    anyOf: [
      rule,
      {
        type: 'object',
        properties: Object.fromEntries(POLICY_KEYS.map((key) => [key, rule])),
        additionalProperties: false,
      },
    ],
  };
}

/** Checks a policy. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkFailurePolicy(policy: FailurePolicy): FailurePolicy {
  if (isRule(policy)) return policy;
  if (typeof policy !== 'object' || policy === null)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      'onFailure must be "closed", "open", in code also a function, or an object with one of these for each kind',
    );
  checkKnownOptions('onFailure', policy, POLICY_KEYS);
  for (const [kind, rule] of Object.entries(policy)) {
    if (isRule(rule)) continue;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `onFailure.${kind} must be "closed", "open" or a function`);
  }
  return policy;
}

function isRule(rule: unknown): rule is FailureRule {
  return rule === 'closed' || rule === 'open' || typeof rule === 'function';
}

/** Longest reason in a line of the log, in characters: an agent writes it. */
const MAX_REASON_LENGTH = 300;

const CLOSED: Decision = { verdict: { type: 'block', status: 503, body: 'Service Unavailable' } };
const VERDICTS: ReadonlySet<string> = new Set(['allow', 'block', 'redirect', 'challenge']);

function ruleFor(policy: FailurePolicy, kind: FailureKind): FailureRule {
  if (typeof policy !== 'object') return policy;
  return policy[kind] ?? policy.default ?? 'closed';
}

/** Returns the decision of a user's function; it fails closed where that throws or returns none. */
function customDecision(rule: (failure: Failure) => Decision, failure: Failure): Decision {
  try {
    const decision = rule(failure);
    // an async rule decides too late; the tag below tells that it failed
    containRejection(decision, () => undefined);
    if (VERDICTS.has(decision.verdict.type)) return decision;
  } catch {
    // the tag below tells that the rule failed
  }
  return { ...CLOSED, audit: { tags: ['agentwire:fail-rule-broken'] } };
}

/** Kinds of failures by the decision in their place. By identity, because an agent could write the tags. */
const KINDS = new WeakMap<Decision, FailureKind>();

/** Returns the kind of the failure that a policy made this decision for; `undefined` for a decision of an agent. */
export function failureKindOf(decision: Decision): FailureKind | undefined {
  return KINDS.get(decision);
}

/** Returns the decision of a rule for a failure. Its audit tells that a policy decided, and why. */
function decideByRule(rule: FailureRule, name: string, failure: Failure): Decision {
  const audit = {
    tags: [`agentwire:fail-${name}`],
    reasonCodes: [`agentwire:${failure.error.code}`],
    custom: { agent: failure.agent, kind: failure.kind },
  };
  if (rule === 'open') return { verdict: { type: 'allow' }, audit };
  if (rule === 'closed') return { ...CLOSED, audit };
  const decision = customDecision(rule, failure);
  return {
    ...decision,
    audit: {
      ...decision.audit,
      tags: [...(decision.audit?.tags ?? []), ...audit.tags],
      reasonCodes: [...(decision.audit?.reasonCodes ?? []), ...audit.reasonCodes],
    },
  };
}

/** Collaborators of a {@link FailureDecider}. */
export interface FailureDeciderDeps {
  readonly logger: Logger;
  readonly metrics: Pick<MetricsRecorder, 'count'>;
}

/** Decides by the failure policy of one agent; counts and logs each decision. */
export class FailureDecider {
  /** Events that it decided. */
  count = 0;
  readonly #agent: string;
  readonly #policy: FailurePolicy;
  readonly #options: FailureDeciderDeps;

  constructor(agent: string, policy: FailurePolicy, options: FailureDeciderDeps) {
    this.#agent = agent;
    this.#policy = policy;
    this.#options = options;
  }

  /**
   * Decides on an event that failed with `error`.
   *
   * @param instead policy in place of the agent's own
   * @param id id of the request, for the log
   * @throws `error` itself where it is the caller's own
   */
  decide(event: EventType, error: AgentwireError, instead?: FailurePolicy, id?: RequestId): Decision {
    const agent = this.#agent;
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    const { logger, metrics } = this.#options;
    const rule = ruleFor(instead ?? this.#policy, kind);
    const policy = typeof rule === 'string' ? rule : 'custom';
    this.count += 1;
    metrics.count('agent_failures_total', { agent, policy, reason: kind });
    const reason = error.message.slice(0, MAX_REASON_LENGTH);
    logger.warn(
      { ...(id !== undefined && { id: String(id) }), agent, event, kind, policy, code: error.code, reason },
      'an agent could not decide; its failure policy did',
    );
    const decision = decideByRule(rule, policy, { agent, kind, event, error });
    KINDS.set(decision, kind);
    return decision;
  }
}
