import type { Audit, BodyMutation, Decision, DecisionCache, Verdict, WebSocketDecision } from '@agentwire/core';
import type { BlockVerdict, ChallengeVerdict, RedirectVerdict } from '@agentwire/core/internal';

import { DecodeError, inside } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';
import { blockHeaders, headerOps } from './header-codecs.ts';
import type { FieldCodec } from './field-codec.ts';
import { bool, f32, status, text, u16, u32 } from './scalar-codecs.ts';
import { field, nullable, optional, struct, type Absent, type Struct } from './struct.ts';
import { anyMap, bytes, textMap, texts } from './value-codecs.ts';
import { asObject, isWireObject, onlyEntry } from './wire-object.ts';

const block = struct<Omit<BlockVerdict, 'type'>>('block', {
  status: field('status', status),
  body: nullable('body', text, { absent: 'omit', absentZentinel: { written: null } }),
  headers: nullable('headers', blockHeaders, { absent: 'omit', absentZentinel: { written: null } }),
});
const redirect = struct<Omit<RedirectVerdict, 'type'>>('redirect', {
  url: field('url', text),
  status: field('status', status),
});
const challenge = struct<Omit<ChallengeVerdict, 'type'>>('challenge', {
  challengeType: field('challenge_type', text),
  params: field('params', textMap, { fallback: {} }),
});
const bodies = { block, redirect, challenge } as const;

/** Tells whether an allow in object form has no content. */
const isNothing = (value: unknown): boolean =>
  value === null || (isWireObject(value) && Object.keys(value).length === 0);

/** Verdict: the word `allow`, or an object of one entry. */
export const verdict: FieldCodec<Verdict> = {
  name: 'verdict',
  write(value, format) {
    if (value.type === 'allow') return 'allow';
    const body = bodies[value.type] as Struct<Verdict>;
    return { [value.type]: body.write(value, format) };
  },
  read(wire, format) {
    if (wire === 'allow') return { type: 'allow' };
    const [type, value] = onlyEntry(wire) ?? [];
    switch (type) {
      case 'allow':
        if (isNothing(value)) return { type: 'allow' };
        break;
      case 'block':
      case 'redirect':
      case 'challenge':
        return { type, ...inside(type, () => bodies[type].read(value, format)) } as Verdict;
      default:
    }
    throw new DecodeError('a decision is exactly one of allow, block, redirect and challenge');
  },
};

const EMPTY_LIST: Absent = { written: [] };
const listField = (name: string): ReturnType<typeof field<readonly string[]>> =>
  field(name, texts, { absent: 'omit', absentZentinel: EMPTY_LIST, emptyIsAbsent: true });

/** Audit of a decision. In the zentinel dialect its `custom` also carries the id, see `answer.ts`. */
const audit: Struct<Audit> = struct<Audit>('audit', {
  tags: listField('tags'),
  ruleIds: listField('rule_ids'),
  confidence: field('confidence', f32, { absent: 'omit', absentZentinel: { written: null } }),
  reasonCodes: listField('reason_codes'),
  custom: field('custom', anyMap, { absent: 'omit', absentZentinel: { written: {} }, emptyIsAbsent: true }),
});

/** Mutation of one body chunk; absent and null data leave it unchanged. */
export const bodyMutation: FieldCodec<BodyMutation> = {
  name: 'bodyMutation',
  write(value, format) {
    const data = value.data === null ? null : bytes.write(value.data, format);
    return format.dialect === 'documented' ? { chunk_index: value.index, data } : { data, chunk_index: value.index };
  },
  read(wire, format) {
    const positional = Array.isArray(wire)
      ? { data: wire[0] as unknown, chunk_index: wire[1] as unknown }
      : asObject(wire);
    const { data, chunk_index: index } = positional;
    return {
      index: index === undefined || index === null ? 0 : inside('chunk_index', () => u32.read(index, format)),
      data: data === undefined || data === null ? null : inside('data', () => bytes.read(data, format)),
    };
  },
};

const close = struct<Omit<Extract<WebSocketDecision, { type: 'close' }>, 'type'>>('close', {
  code: field('code', u16),
  reason: field('reason', text, { fallback: '' }),
});

/** Decision about one WebSocket frame: a word, or `{close}`. */
const webSocketDecision: FieldCodec<WebSocketDecision> = {
  name: 'webSocketDecision',
  write: (value, format) => (value.type === 'close' ? { close: close.write(value, format) } : value.type),
  read(wire, format) {
    if (wire === 'allow' || wire === 'drop') return { type: wire };
    const [type, value] = onlyEntry(wire) ?? [];
    if (type === 'close') return { type, ...inside('close', () => close.read(value, format)) };
    throw new DecodeError('a WebSocket decision is exactly one of allow, drop and close');
  },
};

const agentError = struct<NonNullable<Decision['error']>>('error', {
  code: field('code', text),
  message: field('message', text, { fallback: '' }),
});

const decisionCache = struct<DecisionCache>('cache', {
  ttlMs: field('ttl_ms', u32),
  vary: field('vary', texts),
});

const EMPTY_AUDIT = { tags: [], rule_ids: [], confidence: null, reason_codes: [], custom: {} };

/** The fields of a decision, without id and version. */
export const decision: Struct<Decision> = struct<Decision>(
  'decision',
  {
    verdict: field('decision', verdict),
    requestHeaders: field('request_headers', headerOps, { absent: EMPTY_LIST, emptyIsAbsent: true }),
    responseHeaders: field('response_headers', headerOps, { absent: EMPTY_LIST, emptyIsAbsent: true }),
    audit: optional('audit', audit, { absentZentinel: { written: EMPTY_AUDIT } }),
    needsMore: field('needs_more', bool, { absent: 'omit', absentZentinel: { written: false }, emptyIsAbsent: true }),
    requestBodyMutation: optional('request_body_mutation', bodyMutation, { absentZentinel: { written: null } }),
    responseBodyMutation: optional('response_body_mutation', bodyMutation, { absentZentinel: { written: null } }),
    routingMetadata: optional('routing_metadata', textMap, { absentZentinel: { written: {} }, emptyIsAbsent: true }),
    webSocket: optional('websocket_decision', webSocketDecision, { absentZentinel: { written: null } }),
    cache: optional('cache', decisionCache, { zentinel: null }),
    error: optional('error', agentError, { zentinel: null }),
  },
  ['decision', 'request_headers', 'response_headers', 'routing_metadata', 'audit', 'needs_more'],
);

/** Replaces a decision that carries an error by a block for peers without feature `errors`: never an allow. */
export function asPeerUnderstands(value: Decision, format: WireFormat): Decision {
  if (value.error === undefined || format.errors) return value;
  const { code } = value.error;
  return {
    verdict: { type: 'block', status: code === 'ERR_OVERLOADED' ? 503 : 500 },
    audit: { ...value.audit, reasonCodes: [...(value.audit?.reasonCodes ?? []), `agentwire:${code}`] },
  };
}
