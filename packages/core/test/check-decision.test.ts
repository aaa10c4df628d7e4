import { describe, expect, it } from 'vitest';
import type { Decision } from '@agentwire/core';
import { checkDecision, checkReceivedDecision } from '@agentwire/core/internal';
import { IMPOSSIBLE_DECISIONS, POSSIBLE_DECISIONS } from '@agentwire/core/testing';

describe('checkDecision', () => {
  it.each(IMPOSSIBLE_DECISIONS)('refuses $what and names $field, not the value', ({ decision, field }) => {
    let error: unknown;
    try {
      checkDecision(decision as Decision);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_INVALID_(?:HEADER|ARGUMENT)$/) as string });
    expect((error as Error).message).toContain(field);
    expect((error as Error).message).not.toContain('s3cret');
    expect(() => checkReceivedDecision(decision as Decision)).toThrow(
      expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error,
    );
  });

  it.each(POSSIBLE_DECISIONS)('takes $what', ({ decision }) => {
    expect(checkDecision(decision)).toBe(decision);
    expect(checkReceivedDecision(decision)).toBe(decision);
  });

  it('looks at a deeply frozen decision once, and at any other each time', () => {
    let looks = 0;
    const verdict = new Proxy(Object.freeze({ type: 'allow' as const }), {
      ownKeys(target) {
        looks += 1;
        return Reflect.ownKeys(target);
      },
    });
    const frozen = Object.freeze<Decision>({ verdict });
    for (let i = 0; i < 3; i += 1) checkDecision(frozen);
    const once = looks;
    for (let i = 0; i < 3; i += 1) checkDecision(frozen);
    expect(looks).toBe(once);
    const open: { verdict: Decision['verdict'] } = { verdict: { type: 'block', status: 403 } };
    checkDecision(open);
    open.verdict = { type: 'block', status: 99 };
    expect(() => checkDecision(open)).toThrow('verdict.status');
  });
});
