import { AgentwireError, type Decision, type ErrorCode, type EventType } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';

/** What kept an agent from deciding. */
export type FailureKind =
  'timeout' | 'unavailable' | 'protocol' | 'overloaded' | 'circuit_open' | 'flow_paused' | 'too_large' | 'agent_error';

/** One failure, for a policy to judge. */
export interface Failure {
  readonly agent: string;
  readonly kind: FailureKind;
  readonly event: EventType;
  readonly error: AgentwireError;
}

/** `closed` blocks with 503, `open` allows; or a function decides, and where it throws or gives no decision it is `closed`. */
export type FailureRule = 'closed' | 'open' | ((failure: Failure) => Decision);
/** One rule for everything, or one for each kind, with `default` for the rest. Default: `closed`. */
export type FailurePolicy =
  FailureRule | (Partial<Record<FailureKind, FailureRule>> & { readonly default?: FailureRule });

const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  ERR_TIMEOUT: 'timeout',
  ERR_CONNECT: 'unavailable',
  ERR_CLOSED: 'unavailable',
  ERR_DRAINING: 'unavailable',
  ERR_REFUSED: 'unavailable',
  ERR_UNAUTHORIZED: 'unavailable',
  ERR_VERSION_MISMATCH: 'protocol',
  ERR_PROTOCOL: 'protocol',
  ERR_TOO_LATE: 'protocol',
  ERR_UNSUPPORTED: 'protocol',
  ERR_INVALID_HEADER: 'protocol',
  ERR_OVERLOADED: 'overloaded',
  ERR_CIRCUIT_OPEN: 'circuit_open',
  ERR_FLOW_PAUSED: 'flow_paused',
  ERR_MESSAGE_TOO_LARGE: 'too_large',
  ERR_BODY_TOO_LARGE: 'too_large',
  ERR_HANDLER: 'agent_error',
};

/** Errors that are the caller's own: no policy speaks for them. */
const CALLERS_OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_DUPLICATE_REQUEST',
  'ERR_INVALID_ARGUMENT',
  'ERR_INVALID_STATE',
  'ERR_UNKNOWN_AGENT',
]);

/** Ends of a connection that the two sides' messages caused, not the absence of one of them. */
const BY_MESSAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_INVALID_HEADER',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_PROTOCOL',
  'ERR_UNSUPPORTED',
  'ERR_VERSION_MISMATCH',
]);
/** What an agent's own client may have failed with; the agent was there and could not decide. */
const OF_ITS_OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_CLOSED',
  'ERR_CONNECT',
  'ERR_REFUSED',
  'ERR_UNAUTHORIZED',
]);

/** Whether a connection was lost, or could not be made, because of a message that must not be. */
function isByMessage({ code, cause }: AgentwireError): boolean {
  if (code !== 'ERR_CLOSED' && code !== 'ERR_CONNECT') return false;
  return cause instanceof AgentwireError && (BY_MESSAGE.has(cause.code) || isByMessage(cause));
}

/** What kind of failure an error is, by its cause; `undefined` for what the caller did wrong or gave up. */
export function failureKind(error: AgentwireError): FailureKind | undefined {
  if (CALLERS_OWN.has(error.code) && error.detail?.['byAgent'] !== true) return undefined;
  if (error.detail?.['byAgent'] === true && OF_ITS_OWN.has(error.code)) return 'agent_error';
  if (isByMessage(error)) return 'protocol';
  return KINDS[error.code] ?? 'agent_error';
}

/** Finds the rule for a kind. */
export function ruleFor(policy: FailurePolicy, kind: FailureKind): FailureRule {
  if (typeof policy !== 'object') return policy;
  return policy[kind] ?? policy.default ?? 'closed';
}

const CLOSED: Decision = { verdict: { type: 'block', status: 503, body: 'Service Unavailable' } };
const VERDICTS: ReadonlySet<string> = new Set(['allow', 'block', 'redirect', 'challenge']);

/** What a rule is called in metrics and logs. */
export function ruleName(rule: FailureRule): string {
  return typeof rule === 'string' ? rule : 'custom';
}

/** What a function of the user decides; one that cannot fails closed, because nothing may pass by mistake. */
function ownDecision(rule: (failure: Failure) => Decision, failure: Failure): Decision {
  try {
    const own = rule(failure);
    if (VERDICTS.has(own.verdict.type)) return own;
  } catch {
    // the tag below says that it was the rule
  }
  return { ...CLOSED, audit: { tags: ['agentwire:fail-rule-broken'] } };
}

/** The decision that a rule gives for a failure; always says in its audit that a policy made it. */
export function decideByPolicy(rule: FailureRule, failure: Failure): Decision {
  const audit = {
    tags: [`agentwire:fail-${ruleName(rule)}`],
    reasonCodes: [`agentwire:${failure.error.code}`],
    custom: { agent: failure.agent, kind: failure.kind },
  };
  if (rule === 'open') return { verdict: { type: 'allow' }, audit };
  if (rule === 'closed') return { ...CLOSED, audit };
  const own = ownDecision(rule, failure);
  return {
    ...own,
    audit: {
      ...own.audit,
      tags: [...(own.audit?.tags ?? []), ...audit.tags],
      reasonCodes: [...(own.audit?.reasonCodes ?? []), ...audit.reasonCodes],
    },
  };
}

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

/** Checks a policy. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkFailurePolicy(policy: FailurePolicy): FailurePolicy {
  const byKind = typeof policy === 'object' && policy !== null;
  if (byKind) checkKnownOptions('onFailure', policy, POLICY_KEYS);
  const rules = byKind ? Object.values(policy) : [policy];
  for (const rule of rules) {
    if (rule === 'closed' || rule === 'open' || typeof rule === 'function') continue;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      'onFailure must be "closed", "open", a function, or an object with one of these for each kind',
    );
  }
  return policy;
}
