import type { Message, Received } from '@agentwire/core';
import { unpack } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { messageOf } from '../../../tools/interop/src/vectors/message-of.ts';
import { CRATE_VERSIONS, loadVectors, parseExact, type Vector } from '../../../tools/interop/src/vectors/vector.ts';
import {
  readHandshakeReply,
  readHandshakeRequest,
  readRegistrationAnswer,
  readRegistrationRequest,
} from '../src/internal.ts';
import { codecPair, frameOf, readFrame } from './messages/codec-pair.ts';

/** Vectors with a value that agentwire refuses on purpose, and the field that the refusal names. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['RequestHeaders edges', 'headers'], // a NUL in a value
  ['RequestComplete edges', 'duration_ms'], // past 2^53
  ['WebSocketFrame none', 'frame_index'],
  ['HealthStatus full', 'load.requests_processed'],
  ['MetricsReport full', 'counters'],
]);

/** Members that the crate sets from its clock when it sends, so that they differ from `value`. */
const CLOCKED: ReadonlySet<string> = new Set(['cancel', 'ping', 'pong', 'flowControl']);

interface Case {
  readonly title: string;
  readonly vector: Vector;
  readonly frame: Buffer;
  readonly message: Message;
  readonly encoding: 'json' | 'msgpack';
}

function casesOf(version: (typeof CRATE_VERSIONS)[number], encoding: 'json' | 'msgpack'): Case[] {
  return loadVectors(version).flatMap((vector) => {
    const [hex, message] = [vector[encoding], messageOf(vector)];
    if (hex === undefined || message === undefined) return [];
    const title = `${vector.name} ${vector.variant}`;
    return [{ title, vector, frame: Buffer.from(hex, 'hex'), message, encoding }];
  });
}

/** Lines of headers in the order of their names: a hash map of the crate has none. */
function sortedHeaders(headers: readonly string[]): string[] {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ''] as const] : []));
  return lines.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).flat();
}

/** JSON form of a Buffer, before a replacer sees it. */
function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

/** A message without the parts that differ between runs: order of hash maps, clocks, and types of bytes. */
function comparable(message: Received): unknown {
  const { error: _, ...rest } = message as unknown as Record<string, unknown>;
  if (CLOCKED.has(message.type)) delete rest['timestampMs'];
  if (Array.isArray(rest['headers'])) rest['headers'] = sortedHeaders(rest['headers'] as string[]);
  const text = JSON.stringify(rest, (key, value: unknown) => {
    if (value instanceof Uint8Array) return [...value];
    if (isBufferJson(value)) return value.data;
    // an id stays exact; in JSON a number inside of custom values is rounded
    if (typeof value === 'bigint') return key === 'id' ? `${value}n` : Number(value);
    // f32 widened, and as the crate's JSON has it
    if (typeof value === 'number' && !Number.isInteger(value)) return Math.fround(value);
    return value === null ? undefined : value;
  });
  return JSON.parse(text);
}

/** The same without empty fields, in one order, for comparing payloads field by field. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isInteger(value) ? value : Math.fround(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one)]));
}

const payloadOf = (frame: Buffer, encoding: 'json' | 'msgpack'): unknown =>
  encoding === 'json' ? parseExact(frame.subarray(5).toString()) : unpack(frame.subarray(5));

describe.each(CRATE_VERSIONS)('bytes of the crate %s', (version) => {
  describe.each(['json', 'msgpack'] as const)('%s', (encoding) => {
    test.each(casesOf(version, encoding))('$title is read', ({ title, vector, frame, message }) => {
      const pair = codecPair('zentinel', encoding, { features: [] });
      const received = readFrame(vector.from === 'proxy' ? pair.agent : pair.proxy, frame);
      const refused = REFUSED.get(title);
      if (refused === undefined) expect(comparable(received as Received)).toEqual(comparable(message));
      else {
        expect(received).toMatchObject({ type: 'malformed', of: message.type });
        const { error } = received as Extract<Received, { type: 'malformed' }>;
        expect(error.detail?.['field']).toMatch(new RegExp(`^${refused}`));
      }
    });
  });

  test.each(loadVectors(version).filter(({ name }) => /^(Handshake|Registration)/.test(name)))(
    '$name $variant is read',
    ({ name, value, json }) => {
      const payload = Buffer.from(json ?? '', 'hex').subarray(5);
      const self = { role: 'proxy', name: 'p', version: '1', features: [], encodings: ['msgpack', 'json'] } as const;
      const agent = { ...self, role: 'agent' } as const;
      const capabilities = value['capabilities'] as { name: string; agent_id: string } | undefined;
      if (name === 'HandshakeRequest') {
        const encodings = value['supported_encodings'] ?? ['json'];
        expect(readHandshakeRequest(payload)).toMatchObject({
          dialect: 'zentinel',
          hello: { name: value['proxy_id'], version: value['proxy_version'], protocolVersions: [2], encodings },
        });
      } else if (name === 'RegistrationRequest') {
        expect(readRegistrationRequest(payload)).toMatchObject({
          dialect: 'zentinel',
          hello: { token: value['auth_token'] ?? undefined, capabilities: { agentId: value['agent_id'] } },
        });
      } else {
        const read = (): unknown =>
          name === 'HandshakeResponse'
            ? readHandshakeReply(payload, 'union', self)
            : readRegistrationAnswer(payload, 'union', agent);
        if (value['success'] !== true) expect(read).toThrow((value['error'] as string).slice(0, 40));
        else expect(read()).toMatchObject({ hello: { name: capabilities?.name ?? value['proxy_id'] } });
      }
    },
  );
});

/** Fields that agentwire writes differently on purpose: `state` and `action` as the numbers that the crate reads. */
const OWN_FORM: ReadonlySet<string> = new Set(['HealthStatus', 'FlowControl']);
/** Fields that are always base64 text, because its server reads `bin` as text; the binary form has fields of its own. */
const isRaw = ({ name }: Vector): boolean => name.endsWith('.binary');

/** A message as it arrives in that format. */
function ownForm(message: Message): object {
  if (message.type !== 'healthStatus') return { ...message, timestampMs: undefined };
  const { type, agentId, state, timestampMs } = message;
  return { type, agentId, state, timestampMs };
}

describe.each(['json', 'msgpack'] as const)('messages to the crate 0.6.45 in %s', (encoding) => {
  const cases = casesOf('0.6.45', encoding).filter(({ title, vector }) => !REFUSED.has(title) && !isRaw(vector));

  test.each(cases)('$title has its fields and values', ({ vector, frame, message }) => {
    const pair = codecPair('zentinel', encoding, { features: [] });
    const written = frameOf(vector.from === 'proxy' ? pair.proxy : pair.agent, message);
    const received = readFrame(vector.from === 'proxy' ? pair.agent : pair.proxy, written);
    expect(written[4]).toBe(frame[4]);
    if (OWN_FORM.has(vector.name)) {
      const { type, agent_id, correlation_id } = payloadOf(written, encoding) as Record<string, unknown>;
      expect([type, agent_id, correlation_id ?? null]).toEqual([
        undefined,
        vector.value['agent_id'],
        vector.value['correlation_id'] ?? null,
      ]);
      expect(received).toMatchObject(ownForm(message));
      return;
    }
    expect(comparable(received as Received)).toEqual(comparable(message));
    const always = ['Cancel', 'Ping', 'Pong'].includes(vector.name) ? 'json' : encoding;
    const [ours, theirs] = [plain(payloadOf(written, always)), plain(payloadOf(frame, always))] as Record<
      string,
      unknown
    >[];
    for (const side of [ours, theirs]) if (CLOCKED.has(message.type)) delete side?.['timestamp_ms'];
    expect(ours).toEqual(theirs);
  });
});

test('a header that a proxy read as UTF-8 arrives as its bytes', () => {
  const text = 'žluťoučký kůň 🐎';
  const payload = JSON.stringify({
    correlation_id: 'c-1',
    status: 200,
    headers: { 'x-text': [text], 'x-latin': ['\xe9'], 'x-plain': ['a'] },
  });
  const pair = codecPair('zentinel', 'json', { features: [] });
  const bytes = Buffer.from(payload);
  const received = pair.agent.read(0x12, bytes, 0, bytes.length);
  expect(received).toMatchObject({
    type: 'responseHeaders',
    headers: ['x-text', Buffer.from(text).toString('latin1'), 'x-latin', '\xe9', 'x-plain', 'a'],
  });
});
