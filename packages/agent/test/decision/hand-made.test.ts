import type { Decision, ProxyEvent } from '@agentwire/core';
import { IMPOSSIBLE_DECISIONS } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { block, challenge, allow, redirect, replace } from '../../src/index.ts';
import { checkDecision, placeMutation } from '../../src/decision/check-decision.ts';

describe('a decision made by hand', () => {
  test.each(IMPOSSIBLE_DECISIONS)('with $what is refused', ({ decision }) => {
    expect(() => checkDecision('onRequestHeaders', decision as Decision)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(?:INVALID_|HANDLER)/) as string }) as Error,
    );
  });

  test.each<readonly [string, unknown, string]>([
    [
      'a hop-by-hop header',
      { verdict: { type: 'allow' }, requestHeaders: [{ op: 'remove', name: 'Connection' }] },
      'hop',
    ],
    [
      'a cookie twice in a block',
      { verdict: { type: 'block', status: 403, headers: ['set-cookie', 'a', 'Set-Cookie', 'b'] } },
      'one value',
    ],
    ['a location in UTF-8', { verdict: { type: 'redirect', url: '/\u0159', status: 302 } }, 'encode it'],
    ['an unknown field', { verdict: { type: 'allow' }, requestHeader: [] }, 'requestHeader'],
  ])('with %s is refused', (_what, decision, why) => {
    expect(() => checkDecision('onRequestHeaders', decision as Decision)).toThrow(why);
  });

  test('that is valid is returned as it is, frozen or not', () => {
    for (const one of [
      { verdict: { type: 'allow' } },
      Object.freeze({ verdict: Object.freeze({ type: 'block', status: 403 }) }),
    ]) {
      expect(checkDecision('h', one as Decision)).toBe(one);
      expect(checkDecision('h', one as Decision)).toBe(one);
    }
  });
});

describe('a body mutation made by hand', () => {
  const chunk = { type: 'requestBodyChunk', id: 1, index: 2, data: new Uint8Array(1), last: false } as const;
  const requestBodyMutation = { index: 2, data: null };
  const { verdict } = allow();
  const context = { bodyChange: undefined };

  test('answers the chunk that it names', () => {
    const decision = { verdict, requestBodyMutation };
    expect(placeMutation(decision, chunk, context)).toBe(decision);
  });

  test.each<readonly [string, Decision, ProxyEvent]>([
    ['another chunk', { verdict, requestBodyMutation: { index: 1, data: null } }, chunk],
    ['a chunk of the other body', { verdict, responseBodyMutation: requestBodyMutation }, chunk],
    ['a chunk of the other body', { verdict, requestBodyMutation }, { ...chunk, type: 'responseBodyChunk' }],
    ['a configuration', { verdict, requestBodyMutation }, { type: 'configure', id: 1, config: {} }],
  ])('does not answer %s', (_what, decision, event) => {
    expect(() => placeMutation(decision, event, context)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDLER' }) as Error,
    );
  });
});

describe('a builder refuses at the call', () => {
  test.each<readonly [string, () => unknown, string]>([
    ['a block with 101', () => block(101), 'ERR_INVALID_ARGUMENT'],
    ['a block with a body of bytes', () => block(403, 5 as never), 'ERR_INVALID_ARGUMENT'],
    ['a redirect with 304', () => redirect('/', 304), 'ERR_INVALID_ARGUMENT'],
    ['a redirect to javascript', () => redirect('javascript:1'), 'ERR_INVALID_HEADER'],
    ['a redirect with two slashes', () => redirect('//e.test'), 'ERR_INVALID_HEADER'],
    ['a challenge of a type with a line break', () => challenge('c\n'), 'ERR_INVALID_HEADER'],
    ['a challenge with numbers', () => challenge('c', { a: 1 as never }), 'ERR_INVALID_ARGUMENT'],
    ['a tag that is a number', () => allow().withTag(1 as never), 'ERR_INVALID_ARGUMENT'],
    ['a rule that is a number', () => allow().withRule(942100 as never), 'ERR_INVALID_ARGUMENT'],
    ['a reason that is null', () => allow().withReason(null as never), 'ERR_INVALID_ARGUMENT'],
    ['routing metadata that is a number', () => allow().withRoutingMetadata('a', 1 as never), 'ERR_INVALID_ARGUMENT'],
    [
      'a reserved WebSocket code',
      () => allow().withWebSocket({ type: 'close', code: 1005, reason: '' }),
      'ERR_INVALID_ARGUMENT',
    ],
    ['more that is text', () => allow().needsMoreBody('no' as never), 'ERR_INVALID_ARGUMENT'],
    ['a replacement that is a number', () => replace(5 as never), 'ERR_INVALID_ARGUMENT'],
  ])('%s', (_what, say, code) => {
    expect(say).toThrow(expect.objectContaining({ code }) as Error);
  });
});
