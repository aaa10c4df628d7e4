import { ALLOW, type Decision, type GuardrailResult } from '@agentwire/core';

/** Puts what a guardrail found into the decision that carries it. */
export function guardrailDecision(result: GuardrailResult): Decision {
  const { detected, confidence, detections, redactedContent } = result;
  const text = JSON.stringify({ detected, confidence, detections, redacted_content: redactedContent });
  return { verdict: ALLOW.verdict, routingMetadata: { guardrail_response: text } };
}
