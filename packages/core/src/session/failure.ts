import { AgentwireError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { Peer } from '../contract/peer.ts';
import type { Decision } from '../message/decision.ts';

/** Stands before the code in `audit.reasonCodes` of a failure answer. */
const FAILURE_REASON_PREFIX = 'agentwire:';

/**
 * The answer of an agent that could not decide: an `error` where both sides know it, else a block with status 500 (503
 * when overloaded) that says so in its reason codes. Never an allow.
 */
export function failureDecision(error: AgentwireError, peer: Pick<Peer, 'features'>): Decision {
  const status = error.code === 'ERR_OVERLOADED' || error.code === 'ERR_DRAINING' ? 503 : 500;
  const audit = { reasonCodes: [FAILURE_REASON_PREFIX + error.code] };
  const decision: Decision = { verdict: { type: 'block', status }, audit };
  return peer.features.includes('errors')
    ? { ...decision, error: { code: error.code, message: error.message } }
    : decision;
}

/** The error that an agent answered with, or `undefined` when it decided. */
export function errorOfDecision(decision: Decision): AgentwireError | undefined {
  const error = decision.error;
  if (error === undefined) return undefined;
  const code: ErrorCode = Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : 'ERR_HANDLER';
  return new AgentwireError(code, `the agent could not decide: ${error.message.slice(0, 200)}`, {
    detail: { byAgent: true },
  });
}
