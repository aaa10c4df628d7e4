import type { Decision, ProxyEvent, Received } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { describe, expect, test } from 'vitest';
import { decisionOf } from '../../../tools/interop/src/vectors/decision-of.ts';
import { eventOf } from '../../../tools/interop/src/vectors/event-of.ts';
import { loadVersionOneVectors, parseExact, type Vector } from '../../../tools/interop/src/vectors/vector.ts';
import { AgentCodec } from '../src/wire/agent-codec.ts';
import { ProxyCodec } from '../src/wire/proxy-codec.ts';
import { Scratch } from '../src/wire/scratch.ts';
import { comparable, plain } from './comparable.ts';
import { frame, head } from './old-peers.ts';

/** Events with a value that we refuse on purpose, and the field that the refusal names. */
const REFUSED: ReadonlyMap<string, RegExp> = new Map([
  ['RequestHeaders edges', /^headers/], // a NUL in a value
  ['RequestComplete edges', /^duration_ms/], // past 2^53
  ['WebSocketFrame none', /^frame_index/],
]);
/** The answer with an operation whose value is text past U+00FF; it has a number past 2^53 too, which JSON rounds. */
const WIDE_ANSWER = 'allow-full';

const vectors = loadVersionOneVectors();
const titled = (from: Vector['from']): { title: string; vector: Vector; bytes: Buffer }[] =>
  vectors
    .filter((vector) => vector.from === from)
    .map((vector) => ({
      title: `${vector.name} ${vector.variant}`,
      vector,
      bytes: Buffer.from(vector.json ?? '', 'hex'),
    }));
const events = titled('proxy');
const answers = titled('agent').filter(({ vector }) => vector.variant !== WIDE_ANSWER);

/** The event as our codec should give it: version 1 has no id on a configuration. */
function expectedEvent({ name, value }: Vector): ProxyEvent {
  if (name === 'Configure') return { type: 'configure', id: 'version-1', config: value['config'] };
  return eventOf(name, value) as ProxyEvent;
}

const read = (bytes: Buffer): Received =>
  new AgentCodec(new Scratch(), silentLogger).read(bytes[4] as number, bytes, 5, bytes.length);

const jsonOf = (bytes: Buffer): Record<string, unknown> =>
  parseExact(bytes.toString('utf8', 4)) as Record<string, unknown>;

test('the crate wrote each kind of event and of answer', () => {
  const kinds = new Set(events.map(({ bytes }) => jsonOf(bytes)['event_type']));
  expect([...kinds]).toEqual([
    'request_headers',
    'request_body_chunk',
    'response_body_chunk',
    'response_headers',
    'request_complete',
    'web_socket_frame',
    'guardrail_inspect',
    'configure',
  ]);
  expect(answers.length).toBeGreaterThan(10);
  for (const { bytes } of [...events, ...answers]) expect(bytes.readUInt32BE()).toBe(bytes.length - 4);
});

describe('an event of the crate', () => {
  test.each(events)('$title is read', ({ title, vector, bytes }) => {
    const received = read(bytes);
    const refused = REFUSED.get(title);
    if (refused === undefined) return expect(comparable(received)).toEqual(comparable(expectedEvent(vector)));
    expect(received).toMatchObject({ type: 'malformed', of: expectedEvent(vector).type });
    const { error } = received as Extract<Received, { type: 'malformed' }>;
    expect(error.detail?.['field']).toMatch(refused);
  });

  test.each(events.filter(({ title }) => !REFUSED.has(title)))('$title is written alike', ({ vector, bytes }) => {
    const { agent_id: agentId } = vector.value;
    const codec = new ProxyCodec(typeof agentId === 'string' ? agentId : 'agent', silentLogger);
    const ours = jsonOf(codec.write(expectedEvent(vector)));
    // the codec of version 2 routes a head by an id beside its metadata, which the crate reads over
    if (vector.name === 'RequestHeaders') delete (ours['payload'] as Record<string, unknown>)['correlation_id'];
    expect(plain(ours)).toEqual(plain(jsonOf(bytes)));
  });
});

describe('an answer of the crate', () => {
  const asked = head('/', 'c-1');

  test.each(answers)('$title is read', ({ vector, bytes }) => {
    const decision = new ProxyCodec('agent', silentLogger).read(asked, bytes[4] as number, bytes, 5, bytes.length);
    expect(comparable(decision)).toEqual(comparable(decisionOf(vector.value)));
  });

  test.each(answers)('$title is written alike', ({ vector, bytes }) => {
    const outbox = new Scratch();
    const codec = new AgentCodec(outbox, silentLogger);
    const question = frame({ version: 1, event_type: 'configure', payload: { config: {} } });
    codec.read(question[4] as number, question, 5, question.length);
    const decision: Decision = decisionOf(vector.value);
    codec.write({ type: 'answer', id: 'c-1', decision }, outbox);
    const written = outbox.bytes.subarray(0, 4 + outbox.bytes.readUInt32BE(0));
    expect(plain(jsonOf(written))).toEqual(plain(jsonOf(bytes)));
  });

  test('with a header in UTF-8 is read as its bytes', () => {
    const bytes = Buffer.from(vectors.find(({ variant }) => variant === WIDE_ANSWER)?.json ?? '', 'hex');
    const decision = new ProxyCodec('agent', silentLogger).read(asked, bytes[4] as number, bytes, 5, bytes.length);
    const added = decision.requestHeaders?.find(({ op }) => op === 'add');
    expect(Buffer.from(added?.op === 'add' ? added.value : '', 'latin1').toString()).toBe('žluťoučký 🐎');
  });
});
