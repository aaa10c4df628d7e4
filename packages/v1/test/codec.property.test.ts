import { AgentwireError, type Decision, type ProxyEvent } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AgentCodec } from '../src/wire/agent-codec.ts';
import { ProxyCodec } from '../src/wire/proxy-codec.ts';
import { Scratch } from '../src/wire/scratch.ts';
import { head } from './old-peers.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
const value = fc.stringMatching(/^[ -~]{0,20}$/).map((one) => one.trim());
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name, value }),
  fc.record({ op: fc.constant('remove' as const), name }),
);
const verdict = fc.oneof(
  fc.constant({ type: 'allow' as const }),
  fc.record({ type: fc.constant('block' as const), status: fc.integer({ min: 200, max: 999 }), body: text }),
  fc.record({ type: fc.constant('redirect' as const), url: fc.webUrl(), status: fc.constantFrom(301, 302, 307) }),
  fc.record({ type: fc.constant('challenge' as const), challengeType: value, params: fc.dictionary(name, text) }),
);
const decision: fc.Arbitrary<Decision> = fc.record({
  verdict,
  requestHeaders: fc.array(operation, { minLength: 1, maxLength: 3 }),
  responseHeaders: fc.array(operation, { minLength: 1, maxLength: 3 }),
  audit: fc.record({ tags: fc.array(text, { minLength: 1, maxLength: 3 }), ruleIds: fc.constant(['r']) }),
  needsMore: fc.constant(true),
});
const event: fc.Arbitrary<ProxyEvent> = fc
  .tuple(
    text.filter((id) => id !== ''),
    fc.webPath(),
    fc.array(fc.tuple(name, value), { maxLength: 4 }),
  )
  .map(([id, uri, lines]) => ({ ...head(uri === '' ? '/' : uri, id), headers: lines.flat() }));

test('what an old proxy asks arrives as it was, and the decision goes back as it was', () => {
  fc.assert(
    fc.property(event, decision, (asked, decided) => {
      const outbox = new Scratch();
      const agent = new AgentCodec(outbox, silentLogger);
      const proxy = new ProxyCodec('agent', silentLogger);
      const question = proxy.write(asked);
      const received = agent.read(question[4] as number, question, 5, question.length);
      expect(received).toMatchObject({ type: 'requestHeaders', id: asked.id, method: 'GET' });
      agent.write({ type: 'answer', id: asked.id, decision: decided }, outbox);
      const answer = Buffer.from(outbox.bytes.subarray(0, 4 + outbox.bytes.readUInt32BE(0)));
      expect(answer.toString('utf8', 4)).toMatch(/^\{"version":1,/);
      expect(proxy.read(asked, answer[4] as number, answer, 5, answer.length)).toMatchObject(decided);
    }),
  );
});

test('bytes that are no message of version 1 are a typed error, never a decision', () => {
  const proxy = new ProxyCodec('agent', silentLogger);
  const noDecision = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((json) => Buffer.from(json)),
    fc.object().map((object) => Buffer.from(JSON.stringify({ version: 1, ...object }))),
  );
  fc.assert(
    fc.property(noDecision, (bytes) => {
      expect(() => proxy.read(head('/'), bytes[0] as number, bytes, 1, bytes.length)).toThrow(AgentwireError);
    }),
  );
});
