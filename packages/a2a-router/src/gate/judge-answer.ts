import { gateDecision, type GateDecision } from './gate.ts';

const MAX_REASON = 1000;

/**
 * Reads a gate's answer, alone or composed: what is neither a permit nor a deferral is a denial.
 *
 * This is the only place that turns an answer into a decision. `undefined`, `null`, `false`, misspelled kinds and objects
 * that throw when they are read all deny.
 */
export function judgeAnswer(answer: unknown): GateDecision {
  try {
    // each field is read once, so that an object cannot answer twice in two ways.
    const { kind, reason } = Object(answer ?? {}) as { readonly kind?: unknown; readonly reason?: unknown };
    const why = typeof reason === 'string' ? reason.slice(0, MAX_REASON) : undefined;
    if (kind === 'permit') return gateDecision.permit;
    if (kind === 'defer') return gateDecision.defer(why);
    if (kind === 'deny') return gateDecision.deny(why ?? 'the gate gave no reason');
  } catch {
    // falls through to the denial
  }
  return gateDecision.deny(
    'the gate gave no answer that can be read: it returns gateDecision.permit, .deny(reason) or .defer(reason)',
  );
}

/** Tells whether a gate answers later: promises of any make count, so that a denial in one is not overlooked. */
export function isLater(answer: unknown): answer is PromiseLike<unknown> {
  return (
    typeof answer === 'object' && answer !== null && typeof (answer as { readonly then?: unknown }).then === 'function'
  );
}
