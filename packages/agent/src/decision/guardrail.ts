import { ALLOW, type Decision, type GuardrailResult } from '@agentwire/core';

/** Puts what a guardrail found into the decision that carries it. */
function guardrailDecision(result: GuardrailResult): Decision {
  const { detected, confidence, detections, redactedContent } = result;
  const text = JSON.stringify({ detected, confidence, detections, redacted_content: redactedContent });
  return { verdict: ALLOW.verdict, routingMetadata: { guardrail_response: text } };
}

/** The decision for what a guardrail's handler gave, be it one already. */
export function judgement(outcome: GuardrailResult | Decision): Decision {
  const found = typeof outcome === 'object' && outcome !== null && 'detected' in outcome;
  return found ? guardrailDecision(outcome) : outcome;
}
