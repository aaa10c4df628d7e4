// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { describeDifference } from './describe-difference.ts';
export { recordedBytes, recordedDecision } from './recorded-decision.ts';
export { redactedNames } from './recorded-request.ts';
export { Redaction, type RedactionSettings } from './redaction.ts';
