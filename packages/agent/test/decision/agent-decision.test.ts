import { ALLOW, type Decision } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import {
  AgentDecision,
  allow,
  block,
  challenge,
  closeWebSocket,
  drop,
  pass,
  redirect,
  replace,
} from '../../src/index.ts';

const plain = (decision: Decision): unknown => structuredClone({ ...decision });

describe('decisions', () => {
  test('builds the fields that core and the wire define, and no others', () => {
    expect(plain(allow())).toEqual(ALLOW);
    expect(plain(block(403, 'no'))).toEqual({ verdict: { type: 'block', status: 403, body: 'no' } });
    expect(plain(block())).toEqual({ verdict: { type: 'block', status: 403 } });
    expect(plain(redirect('/login'))).toEqual({ verdict: { type: 'redirect', url: '/login', status: 302 } });
    expect(plain(challenge('captcha', { a: 'b' }))).toEqual({
      verdict: { type: 'challenge', challengeType: 'captcha', params: { a: 'b' } },
    });
    expect(() => challenge(undefined as never)).toThrow("type of challenge must be a text, such as 'captcha'");
    expect(plain(closeWebSocket(1008, 'bad'))).toEqual({
      verdict: { type: 'allow' },
      webSocket: { type: 'close', code: 1008, reason: 'bad' },
    });
  });

  test('has a method for every field of a decision', () => {
    const decision = allow()
      .setRequestHeader('x-a', '1')
      .addRequestHeader('x-b', '2')
      .removeRequestHeader('x-c')
      .setResponseHeader('x-d', '3')
      .addResponseHeader('x-e', '4')
      .removeResponseHeader('x-f')
      .withTag('t1', 't2')
      .withTag('t3')
      .withRule('r')
      .withReason('why')
      .withConfidence(0.5)
      .withCustom('k', { deep: [1] })
      .withRoutingMetadata('pool', 'b')
      .cacheFor(1_000, { vary: ['path', 'x-user', 'path'] })
      .needsMoreBody();
    expect(plain(decision)).toEqual({
      verdict: { type: 'allow' },
      requestHeaders: [
        { op: 'set', name: 'x-a', value: '1' },
        { op: 'add', name: 'x-b', value: '2' },
        { op: 'remove', name: 'x-c' },
      ],
      responseHeaders: [
        { op: 'set', name: 'x-d', value: '3' },
        { op: 'add', name: 'x-e', value: '4' },
        { op: 'remove', name: 'x-f' },
      ],
      audit: {
        tags: ['t1', 't2', 't3'],
        ruleIds: ['r'],
        reasonCodes: ['why'],
        confidence: 0.5,
        custom: { k: { deep: [1] } },
      },
      routingMetadata: { pool: 'b' },
      cache: { ttlMs: 1_000, vary: ['path', 'x-user'] },
      needsMore: true,
    });
  });

  test.each<[number, unknown, string]>([
    [0, { vary: ['path'] }, 'ERR_INVALID_ARGUMENT'],
    [NaN, { vary: ['path'] }, 'ERR_INVALID_ARGUMENT'],
    [1_000, { vary: [] }, 'ERR_INVALID_ARGUMENT'],
    [1_000, { vary: 'path' }, 'ERR_INVALID_ARGUMENT'],
    [1_000, { vary: [':path'] }, 'ERR_INVALID_ARGUMENT'],
    [1_000, { vary: ['path'], ttl: 1 }, 'ERR_INVALID_ARGUMENT'],
    [1_000, undefined, 'ERR_INVALID_ARGUMENT'],
  ])('is not cached for %d ms with %j', (ms, options, code) => {
    expect(() => allow().cacheFor(ms, options as never)).toThrow(expect.objectContaining({ code }) as Error);
  });

  test.each([
    ['uri', 'write path and query'],
    ['URL', 'write path and query'],
    ['clientIp', 'write client'],
    ['client_ip', 'write client'],
    ['route_id', 'write route'],
    ['headers', 'name each header'],
    ['body', 'a decision that depends on a body cannot be cached'],
    ['*', 'name all that the decision depends on, or do not cache it'],
  ])('is not cached by %s, which is meant as a word', (name, instead) => {
    expect(() => allow().cacheFor(1_000, { vary: ['method', name] })).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: `vary has "${name}", which is neither a word nor a header of requests: ${instead}`,
      }) as Error,
    );
  });

  test('is cached by headers, and for a time that is named as it was given', () => {
    expect(allow().cacheFor(1, { vary: ['Host', 'constructor'] }).cache?.vary).toEqual(['Host', 'constructor']);
    expect(() => allow().cacheFor(-1, { vary: ['path'] })).toThrow('ms must be an integer from 1 to 86400000, got -1');
    expect(() => allow().cacheFor(1, { vary: [] })).toThrow('cacheFor.vary must be an array of 1 to 32 names');
  });

  test('that changes a body is not cached', () => {
    const vary = { vary: ['path'] };
    const state = expect.objectContaining({ code: 'ERR_INVALID_STATE' }) as Error;
    expect(() => allow().replaceBody('x').cacheFor(1_000, vary)).toThrow(state);
    expect(() => allow().cacheFor(1_000, vary).replaceText('a', 'b')).toThrow(state);
    expect(() => drop().cacheFor(1_000, vary)).toThrow(state);
  });

  test('never changes: each method returns a copy', () => {
    const base = block(403).withTag('a');
    const more = base.withTag('b').withBlockHeader('x-why', 'a').withBlockHeader('X-Why', 'b');
    expect(base.audit?.tags).toEqual(['a']);
    expect(base.verdict).toEqual({ type: 'block', status: 403 });
    expect(more.audit?.tags).toEqual(['a', 'b']);
    expect(more.verdict).toMatchObject({ headers: ['x-why', 'b'] });
  });

  test('returns the same frozen constant for a plain decision', () => {
    expect(allow()).toBe(allow());
    const custom = { deep: [1] };
    const frozen = allow().setRequestHeader('x-a', '1').withCustom('k', custom).freeze();
    expect(Object.isFrozen(frozen.requestHeaders?.[0])).toBe(true);
    expect(Object.isFrozen(custom.deep)).toBe(true);
    expect(frozen.withTag('x').requestHeaders).toHaveLength(1);
  });

  test.each([
    ['a name with a space', () => allow().setRequestHeader('x a', '1'), 'ERR_INVALID_HEADER'],
    ['a value with CR LF', () => allow().addResponseHeader('x-a', 'a\r\nb: c'), 'ERR_INVALID_HEADER'],
    ['a hop-by-hop name', () => allow().removeRequestHeader('Connection'), 'ERR_INVALID_HEADER'],
    ['a bad header of a block', () => block().withBlockHeader('x-a', 'a\n'), 'ERR_INVALID_HEADER'],
    ['block headers without a block', () => allow().withBlockHeader('x-a', 'a'), 'ERR_INVALID_STATE'],
    ['a length of a request', () => allow().setRequestHeader('Content-Length', '0'), 'ERR_INVALID_HEADER'],
    ['a coding of a response', () => allow().addResponseHeader('transfer-encoding', 'gzip'), 'ERR_INVALID_HEADER'],
    ['a status of 99', () => block(99), 'ERR_INVALID_ARGUMENT'],
    ['a redirect with status 200', () => redirect('/', 200), 'ERR_INVALID_ARGUMENT'],
    ['a redirect that splits headers', () => redirect('/\r\nset-cookie: a'), 'ERR_INVALID_HEADER'],
    ['a confidence of 2', () => allow().withConfidence(2), 'ERR_INVALID_ARGUMENT'],
    ['a close code of 999', () => closeWebSocket(999), 'ERR_INVALID_ARGUMENT'],
  ])('refuses %s where it is written', (_, build, code) => {
    expect(build).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('keeps the change of a chunk out of the decision itself', () => {
    expect(AgentDecision.mutationOf(pass())).toBe(null);
    expect(AgentDecision.mutationOf(drop())).toHaveLength(0);
    expect(AgentDecision.mutationOf(replace('hé').withTag('x'))).toEqual(new TextEncoder().encode('hé'));
    expect(AgentDecision.mutationOf(ALLOW)).toBe(undefined);
    expect(plain(replace('x'))).toEqual(ALLOW);
  });
});
