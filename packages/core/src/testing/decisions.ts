import type { Decision } from '../message/decision.ts';

const allow = { type: 'allow' };
const block = (more: object): object => ({ verdict: { type: 'block', status: 403, ...more } });
const redirect = (more: object): object => ({ verdict: { type: 'redirect', url: '/a', status: 302, ...more } });
const challenge = (more: object): object => ({
  verdict: { type: 'challenge', challengeType: 'c', params: {}, ...more },
});
const close = (more: object): object => ({
  verdict: allow,
  webSocket: { type: 'close', code: 1000, reason: '', ...more },
});
const cache = (more: object): object => ({ verdict: allow, cache: { ttlMs: 1_000, vary: ['path'], ...more } });
const audit = (audit_: object): object => ({ verdict: allow, audit: audit_ });
const op = (one: unknown): object => ({ verdict: allow, requestHeaders: [one] });

/** Decision that must be refused, and the field that makes it so. */
export interface ImpossibleDecision {
  readonly what: string;
  readonly decision: unknown;
  readonly field: string;
}

const row = (what: string, decision: unknown, field: string): ImpossibleDecision => ({ what, decision, field });

/** Decisions with one wrong field each, as JavaScript or a third-party agent can make them; for tests of transports. */
export const IMPOSSIBLE_DECISIONS: readonly ImpossibleDecision[] = [
  row('no verdict', {}, 'verdict'),
  row('a verdict that is text', { verdict: 's3cret' }, 'verdict'),
  row('an unknown verdict', { verdict: { type: 's3cret' } }, 'verdict.type'),
  row('a header name with a space', op({ op: 'set', name: 'a b', value: '1' }), 'requestHeaders[0].name'),
  row('an empty header name', op({ op: 'remove', name: '' }), 'requestHeaders[0].name'),
  row('a value with a line break', op({ op: 'add', name: 'a', value: 's3cret\r\nx: 2' }), 'requestHeaders[0].value'),
  row('a value that is a number', op({ op: 'set', name: 'a', value: 1 }), 'requestHeaders[0].value'),
  row(
    'a value past U+00FF',
    { verdict: allow, responseHeaders: [{ op: 'set', name: 'a', value: '\u017e' }] },
    'responseHeaders[0].value',
  ),
  row('an unknown operation', op({ op: 'append', name: 'a', value: '1' }), 'requestHeaders[0].op'),
  row('operations that are no list', { verdict: allow, requestHeaders: { op: 'remove', name: 'a' } }, 'requestHeaders'),
  row(
    '1 001 operations',
    { verdict: allow, requestHeaders: Array.from({ length: 1001 }, () => ({ op: 'remove', name: 'a' })) },
    'requestHeaders',
  ),
  row('a block with status 99', block({ status: 99 }), 'verdict.status'),
  row('a block with status 101', block({ status: 101 }), 'verdict.status'),
  row('a block with status 1000', block({ status: 1000 }), 'verdict.status'),
  row('a block with half a status', block({ status: 403.5 }), 'verdict.status'),
  row('a block with a body of bytes', block({ body: 5 }), 'verdict.body'),
  row('a block with a wrong header', block({ headers: ['a b', '1'] }), 'verdict.headers[0]'),
  row('a block with a wrong value', block({ headers: ['a', 's3cret\n'] }), 'verdict.headers[1]'),
  row('a redirect with status 200', redirect({ status: 200 }), 'verdict.status'),
  row('a redirect with status 304', redirect({ status: 304 }), 'verdict.status'),
  row('a redirect to javascript', redirect({ url: 'javascript:s3cret' }), 'verdict.url'),
  row('a redirect to another host by two slashes', redirect({ url: '//s3cret' }), 'verdict.url'),
  row('a redirect to another host by a backslash', redirect({ url: '/\\s3cret' }), 'verdict.url'),
  row('a redirect with a line break', redirect({ url: '/\r\ns3cret' }), 'verdict.url'),
  row('a redirect to nowhere', redirect({ url: '' }), 'verdict.url'),
  row('a redirect to a relative path', redirect({ url: 's3cret' }), 'verdict.url'),
  row('a challenge with numbers', challenge({ params: { a: 1 } }), 'verdict.params'),
  row('a challenge without a type', challenge({ challengeType: 5 }), 'verdict.challengeType'),
  row('a challenge of a type with a line break', challenge({ challengeType: 's3cret\r\n' }), 'verdict.challengeType'),
  row('a challenge of a type past U+00FF', challenge({ challengeType: '\u017e' }), 'verdict.challengeType'),
  row('a tag that is a number', audit({ tags: [1] }), 'audit.tags[0]'),
  row('a rule id that is a number', audit({ ruleIds: ['a', 942100] }), 'audit.ruleIds[1]'),
  row('reason codes that are no list', audit({ reasonCodes: 's3cret' }), 'audit.reasonCodes'),
  row('a confidence that is text', audit({ confidence: '1' }), 'audit.confidence'),
  row('a confidence that is no number', audit({ confidence: Number.NaN }), 'audit.confidence'),
  row('more that is text', { verdict: allow, needsMore: 'yes' }, 'needsMore'),
  row(
    'a mutation of a chunk before the first',
    { verdict: allow, requestBodyMutation: { index: -1, data: null } },
    'requestBodyMutation.index',
  ),
  row(
    'a mutation with text',
    { verdict: allow, responseBodyMutation: { index: 0, data: 5 } },
    'responseBodyMutation.data',
  ),
  row('routing metadata that is a number', { verdict: allow, routingMetadata: { a: 1 } }, 'routingMetadata'),
  row('a WebSocket code of 0', close({ code: 0 }), 'webSocket.code'),
  row('a WebSocket code that is reserved', close({ code: 1006 }), 'webSocket.code'),
  row('a WebSocket code of 5000', close({ code: 5000 }), 'webSocket.code'),
  row('a WebSocket reason that no frame can hold', close({ reason: 's3cret'.repeat(21) }), 'webSocket.reason'),
  row('a cache without vary', cache({ vary: [] }), 'cache.vary'),
  row('a cache of more than 32 names', cache({ vary: Array.from({ length: 33 }, () => 's3cret') }), 'cache.vary'),
  row('a cache by a pseudo header', cache({ vary: ['path', ':s3cret'] }), 'cache.vary[1]'),
  row('a cache by a name of 129 characters', cache({ vary: ['s'.repeat(129)] }), 'cache.vary[0]'),
  row('a cache for no time', cache({ ttlMs: 0 }), 'cache.ttlMs'),
  row('a cache for more than a day', cache({ ttlMs: 86_400_001 }), 'cache.ttlMs'),
];

const fine = (what: string, decision: Decision): { readonly what: string; readonly decision: Decision } => ({
  what,
  decision,
});

/** Decisions at the limits of what is possible. */
export const POSSIBLE_DECISIONS: readonly { readonly what: string; readonly decision: Decision }[] = [
  fine('an allow', { verdict: { type: 'allow' } }),
  fine('a block with status 200', { verdict: { type: 'block', status: 200 } }),
  fine('a block with status 999', { verdict: { type: 'block', status: 999, body: '', headers: ['a', ''] } }),
  fine('a redirect to a path', { verdict: { type: 'redirect', url: '/', status: 300 } }),
  fine('a redirect to a host', { verdict: { type: 'redirect', url: 'HTTPS://h', status: 399 } }),
  fine('a redirect in UTF-8', { verdict: { type: 'redirect', url: 'https://example.test/\u0159', status: 308 } }),
  fine('a challenge', { verdict: { type: 'challenge', challengeType: 'captcha', params: { a: 'b' } } }),
  fine('a value in latin1', {
    verdict: { type: 'allow' },
    requestHeaders: [{ op: 'set', name: 'a', value: '\xe4\t' }],
  }),
  fine('a WebSocket close', { verdict: { type: 'allow' }, webSocket: { type: 'close', code: 4999, reason: 'r' } }),
  fine('a cache of a day', { verdict: { type: 'allow' }, cache: { ttlMs: 86_400_000, vary: ['method', 'X-A'] } }),
  fine('values of any kind in the audit', {
    verdict: { type: 'allow' },
    audit: { custom: { a: [1, null, { b: true }] } },
  }),
];
