import assert from 'node:assert/strict';
import { ALLOW, EVENT_TYPES, type Decision, type EncodedMessage, type Message, type ProxyEvent } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { chunk, requestHeaders, SAMPLES } from '../kit/samples.ts';

const CARRIED: readonly ComplianceCase[] = SAMPLES.map(({ type, proxy, agent }) =>
  rule(
    `message.${type}`,
    `${type} arrives as it was sent, with every field and with only those it must have`,
    async (kit) => {
      const pair = await kit.pair();
      for (const [samples, from, to] of [
        [proxy, pair.proxy, pair.agent],
        [agent, pair.agent, pair.proxy],
      ] as const) {
        for (const sample of samples?.(kit.id(from, 7)) ?? []) {
          if (from.connection.peer.accepts.has(type)) await kit.carry(from, to, sample);
          else kit.throws(`sending ${type}`, () => from.connection.send(sample), 'ERR_UNSUPPORTED');
        }
      }
      await kit.assertAlive(pair);
    },
  ),
);

const EVENTS: ReadonlySet<string> = new Set(EVENT_TYPES);

/** Messages arrive as they were sent. */
export const MESSAGE_CASES: readonly ComplianceCase[] = [
  ...CARRIED,
  rule(
    'message.reverse',
    'every message type travels over a connection that the agent dialled',
    async (kit) => {
      const pair = await kit.pair({ reverse: true });
      for (const { type, proxy, agent } of SAMPLES) {
        for (const [samples, from, to] of [
          [proxy, pair.proxy, pair.agent],
          [agent, pair.agent, pair.proxy],
        ] as const) {
          if (!from.connection.peer.accepts.has(type)) continue;
          for (const sample of samples?.(kit.id(from, 7)) ?? []) await kit.carry(from, to, sample);
        }
      }
    },
    'reverse',
  ),
  rule('message.ids', 'ids of every kind that the connection carries arrive unchanged: 0, large, text', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const text = ['0', 'a', '7f9c24e5-0000-4000-8000-000000000000', 'x'.repeat(128)];
    const ids = proxy.connection.peer.ids === 'text' ? text : [0, 1, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER];
    for (const id of ids) {
      await kit.carry(proxy, agent, requestHeaders(id));
      await kit.carry(agent, proxy, { type: 'answer', id, decision: ALLOW });
      await kit.carry(proxy, agent, { type: 'cancel', id, reason: 'timeout', timestampMs: 1 });
    }
  }),
  rule('message.text', 'text arrives whole: quotes, controls, astral characters, long and empty', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const id = kit.id(agent, 1);
    for (const body of [
      '"\\/\b\f\n\r\t',
      '\u0000\u001f\u007f',
      'äöü€',
      '🙂👨‍👩‍👧',
      '\u2028\u2029',
      'x'.repeat(70_000),
      '',
    ]) {
      await kit.carry(agent, proxy, {
        type: 'answer',
        id,
        decision: { verdict: { type: 'block', status: 400, body } },
      });
    }
  }),
  rule('message.header-order', 'the values of one header name keep their order', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const headers = Array.from({ length: 100 }, (_, at) => ['x-list', `value ${at}`]).flat();
    await kit.carry(proxy, agent, { ...requestHeaders(kit.id(proxy, 1)), headers });
  }),
  rule('message.copies', 'send copies: later changes by the sender are not sent', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const sent = chunk(kit.id(proxy, 1), 0, 1000);
    const before = { ...sent, data: Uint8Array.from(sent.data) };
    proxy.connection.send(sent);
    sent.data.fill(0);
    await kit.until('the chunk', () => agent.received.length === 1);
    kit.assertArrived(agent.received[0], before);
    const verdict = { type: 'block' as const, status: 403 };
    const tags = ['one'];
    const decision: Decision = { verdict, audit: { tags } };
    agent.connection.send({ type: 'answer', id: kit.id(agent, 1), decision });
    verdict.status = 200;
    tags[0] = 'two';
    await kit.until('the answer', () => proxy.received.length === 1);
    const expected: Decision = { verdict: { type: 'block', status: 403 }, audit: { tags: ['one'] } };
    kit.assertArrived(proxy.received[0], { type: 'answer', id: kit.id(agent, 1), decision: expected });
  }),
  rule('message.reused', 'a decision that is changed and sent again is sent with its changes', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const verdict = { type: 'block' as const, status: 403 };
    const decision = { verdict };
    for (const status of [403, 404, 500]) {
      verdict.status = status;
      await kit.carry(agent, proxy, { type: 'answer', id: kit.id(agent, status), decision });
    }
  }),
  rule('message.owned', 'received bytes belong to the receiver: changing them changes nothing else', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const sent = chunk(kit.id(proxy, 1), 0, 1000);
    const original = Uint8Array.from(sent.data);
    agent.react = (message) => void (message.type === 'requestBodyChunk' && message.data.fill(255));
    proxy.connection.send(sent);
    proxy.connection.send({ ...sent, index: 1 });
    await kit.until('the chunks', () => agent.received.length === 2);
    assert.deepEqual(sent.data, original, "the sender's bytes have changed");
    agent.react = undefined;
    await kit.carry(proxy, agent, { ...sent, index: 2 });
  }),
  rule('message.kept', 'a received message stays as it was when more messages come in', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const id = kit.id(proxy, 1);
    for (let index = 0; index < 50; index += 1) proxy.connection.send(chunk(id, index, 5000));
    await kit.until('50 chunks', () => agent.received.length === 50);
    for (const [index, message] of agent.received.entries()) kit.assertArrived(message, chunk(id, index, 5000));
  }),
  rule(
    'message.copied',
    'the encoded form of an event decodes to the same event, and cannot be copied after its delivery',
    async (kit) => {
      const { proxy, agent } = await kit.pair();
      const events = SAMPLES.flatMap((sample) => sample.proxy?.(kit.id(proxy, 7)) ?? [])
        .filter((message) => EVENTS.has(message.type) && proxy.connection.peer.accepts.has(message.type))
        .map((message) => message as ProxyEvent);
      const copies: { readonly event: ProxyEvent; readonly encoded: EncodedMessage; readonly bytes: Buffer }[] = [];
      const room = Buffer.alloc(1024 * 1024);
      let offered = false;
      agent.react = (message, encoded) => {
        if (encoded === undefined) return;
        offered = true;
        const length = encoded.copyTo(room, 3);
        if (length === 0) return;
        copies.push({ event: message as ProxyEvent, encoded, bytes: Buffer.from(room.subarray(3, 3 + length)) });
        assert.equal(encoded.copyTo(room.subarray(0, 2 + length), 3), 0, 'copied without room');
      };
      for (const event of events) await kit.carry(proxy, agent, event);
      agent.react = undefined;
      if (offered) {
        assert.ok(
          copies.some(({ event }) => event.type === 'requestHeaders'),
          'no head could be copied',
        );
      }
      for (const { event, encoded, bytes } of [...copies, ...copies]) {
        assert.equal(encoded.copyTo(room, 0), 0, 'copied after delivery');
        kit.assertArrived(encoded.decode(Buffer.from(bytes)), event);
      }
    },
  ),
  rule(
    'message.malformed',
    'an answer that cannot be decoded is delivered as malformed in its place, under its id, and the connection goes on',
    async (kit) => {
      const pair = await kit.pair();
      const { proxy, agent } = pair;
      const answer = (at: number): Message => ({ type: 'answer', id: kit.id(agent, at), decision: ALLOW });
      agent.connection.send(answer(1));
      await kit.settled('malform', Promise.resolve(kit.subject.malform?.(agent.connection, kit.id(agent, 2))));
      agent.connection.send(answer(3));
      await kit.until('three answers', () => proxy.received.length >= 3 || proxy.ends.length > 0);
      assert.deepEqual(proxy.ends, [], 'an undecodable answer ended the connection');
      const [first, broken, last] = proxy.received;
      kit.assertArrived(first, answer(1));
      assert.ok(broken?.type === 'malformed' && broken.of === 'answer', `it arrived as ${broken?.type}`);
      assert.deepEqual([broken.id, broken.error.code], [kit.id(agent, 2), 'ERR_PROTOCOL']);
      kit.assertArrived(last, answer(3));
      await kit.assertAlive(pair);
    },
    'malform',
  ),
  rule('message.frozen', 'one frozen decision can answer many requests, and stays unharmed', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const audit = Object.freeze({ tags: Object.freeze(['shared']) });
    const decision: Decision = Object.freeze({
      verdict: Object.freeze({ type: 'block', status: 429 } as const),
      audit,
    });
    const ids = Array.from({ length: 20 }, (_, at) => kit.id(agent, at));
    for (const id of ids) agent.connection.send({ type: 'answer', id, decision });
    await kit.until('20 answers', () => proxy.received.length === 20);
    for (const [at, id] of ids.entries()) kit.assertArrived(proxy.received[at], { type: 'answer', id, decision });
    assert.deepEqual(decision, { verdict: { type: 'block', status: 429 }, audit: { tags: ['shared'] } });
  }),
];
