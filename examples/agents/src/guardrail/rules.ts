// Rules by kind of inspection. They show the shape: a classifier of yours goes in their place.
import type { GuardrailDetection, GuardrailInspect } from 'agentwire/core';

/** Pattern, and its finding. */
export interface Rule {
  readonly category: string;
  readonly severity: GuardrailDetection['severity'];
  readonly confidence: number;
  readonly pattern: RegExp;
}

/** Rules by kind of inspection. */
export const RULES: Readonly<Record<GuardrailInspect['inspectionType'], readonly Rule[]>> = {
  prompt_injection: [
    {
      category: 'instruction_override',
      severity: 'high',
      confidence: 0.9,
      pattern:
        /\b(?:ignore|disregard|forget)\s{1,4}(?:all\s{1,4})?(?:the\s{1,4})?(?:previous|prior|above)\s{1,4}(?:instructions|rules)\b/giu,
    },
    {
      category: 'prompt_leak',
      severity: 'medium',
      confidence: 0.7,
      pattern: /\b(?:reveal|print|repeat)\s{1,4}(?:me\s{1,4})?your\s{1,4}(?:system\s{1,4})?prompt\b/giu,
    },
  ],
  pii_detection: [
    {
      category: 'email',
      severity: 'medium',
      confidence: 0.95,
      pattern: /[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}/giu,
    },
    { category: 'ssn', severity: 'high', confidence: 0.8, pattern: /\b\d{3}-\d{2}-\d{4}\b/gu },
  ],
};
