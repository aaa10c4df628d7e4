import { ALLOW, type Decision, readGuardrailResult } from '@agentwire/core';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const answer = (guardrail: unknown, decision: Decision = ALLOW): Decision => ({
  ...decision,
  routingMetadata: { guardrail_response: typeof guardrail === 'string' ? guardrail : JSON.stringify(guardrail) },
});
const finding = { category: 'pii', description: 'an email address', severity: 'high' };
const BLOCK: Decision = { verdict: { type: 'block', status: 403 } };

describe('the result of a guardrail', () => {
  test('is read with and without what is optional, as each implementation writes it', () => {
    const full = { ...finding, confidence: 0.5, span: { start: 1, end: 4 } };
    expect(
      readGuardrailResult(answer({ detected: true, confidence: 0.9, detections: [full], redacted_content: 'x' })),
    ).toEqual({ detected: true, confidence: 0.9, detections: [full], redactedContent: 'x' });
    const nulls = { ...finding, confidence: null, span: null };
    expect(
      readGuardrailResult(answer({ detected: true, confidence: 1, detections: [nulls], redacted_content: null })),
    ).toEqual({ detected: true, confidence: 1, detections: [finding] });
    expect(readGuardrailResult(answer({ detected: false, confidence: 0 }))).toEqual({
      detected: false,
      confidence: 0,
      detections: [],
    });
  });

  test('is clean for a bare allow, and a detection for any refusal', () => {
    expect(readGuardrailResult(ALLOW)).toEqual({ detected: false, confidence: 0, detections: [] });
    expect(readGuardrailResult(BLOCK)).toEqual({ detected: true, confidence: 1, detections: [] });
    expect(readGuardrailResult(answer({ detected: false, confidence: 0 }, BLOCK)).detected).toBe(true);
  });

  test.each([
    ['{', 'guardrail_response'],
    ['[]', 'guardrail_response'],
    [{ confidence: 1 }, 'detected'],
    [{ detected: 'false', confidence: 1 }, 'detected'],
    [{ detected: false }, 'confidence'],
    [{ detected: false, confidence: 2 }, 'confidence'],
    [{ detected: true, confidence: 1, detections: {} }, 'detections'],
    [{ detected: true, confidence: 1, detections: [null] }, 'detections[0]'],
    [{ detected: true, confidence: 1, detections: [{ ...finding, severity: 'bad' }] }, 'detections[0].severity'],
    [
      { detected: true, confidence: 1, detections: [{ ...finding, span: { start: -1, end: 1 } }] },
      'detections[0].span',
    ],
    [{ detected: true, confidence: 1, redacted_content: 1 }, 'redacted_content'],
  ])('%j is an error that names %s', (guardrail, field) => {
    expect(() => readGuardrailResult(answer(guardrail))).toThrow(
      expect.objectContaining({ code: 'ERR_PROTOCOL', detail: { field } }),
    );
  });

  test('is an ERR_PROTOCOL or a result, whatever the text', () => {
    const anyText = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(anyText, (text) => {
        try {
          expect(readGuardrailResult(answer(text)).detected).toBeTypeOf('boolean');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_PROTOCOL' });
        }
      }),
    );
  });
});
