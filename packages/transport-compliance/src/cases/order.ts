import assert from 'node:assert/strict';
import type { Received } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { chunk, requestHeaders } from '../kit/samples.ts';
import { turn } from '../kit/waiting.ts';

// finds the first difference itself: a diff of thousands of numbers would take minutes
function assertSequence(messages: readonly Received[], count: number, first = 0): void {
  for (const [at, message] of messages.entries()) {
    const got = message.type === 'ping' ? message.sequence : message.type;
    assert.equal(got, first + at, `message ${at} is ${got}, ${first + at} expected`);
  }
  assert.equal(messages.length, count);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Order and time of delivery. */
export const ORDER_CASES: readonly ComplianceCase[] = [
  rule('order.burst', '5 000 messages of one tick arrive, each once and in order', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (const sequence of upTo(5000)) proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    await kit.until('5 000 messages', () => agent.received.length >= 5000);
    await kit.settle();
    assertSequence(agent.received, 5000);
  }),
  rule('order.ticks', 'messages of many ticks arrive in order', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (const sequence of upTo(200)) {
      agent.connection.send({ type: 'ping', sequence, timestampMs: 1 });
      if (sequence % 3 === 0) await turn();
    }
    await kit.until('200 messages', () => proxy.received.length >= 200);
    assertSequence(proxy.received, 200);
  }),
  rule('order.mixed', 'large and small messages of many types do not overtake each other', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const id = kit.id(proxy, 1);
    const sent = [
      requestHeaders(id),
      chunk(id, 0, 60_000),
      { type: 'ping', sequence: 1, timestampMs: 1 } as const,
      chunk(id, 1, 1),
      { type: 'cancel', id, reason: 'manual', timestampMs: 1 } as const,
      requestHeaders(kit.id(proxy, 2)),
      { type: 'pong', sequence: 2, timestampMs: 1 } as const,
    ];
    for (const message of sent) proxy.connection.send(message);
    await kit.until('all messages', () => agent.received.length >= sent.length);
    for (const [at, message] of sent.entries()) kit.assertArrived(agent.received[at], message);
  }),
  rule('order.both-ways', 'both directions at once keep their orders', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (const sequence of upTo(500)) {
      proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
      agent.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    }
    await kit.until('500 messages each', () => agent.received.length >= 500 && proxy.received.length >= 500);
    assertSequence(agent.received, 500);
    assertSequence(proxy.received, 500);
  }),
  rule('order.async', 'send never delivers before it returns, nor inside another delivery', async (kit) => {
    const { proxy, agent } = await kit.pair();
    let depth = 0;
    let deepest = 0;
    agent.react = (message) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      if (message.type === 'ping') agent.connection.send({ ...message, type: 'pong' });
      depth -= 1;
    };
    proxy.react = (message) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      if (message.type === 'pong' && message.sequence < 5)
        proxy.connection.send({ ...message, type: 'ping', sequence: message.sequence + 1 });
      depth -= 1;
    };
    proxy.connection.send({ type: 'ping', sequence: 0, timestampMs: 1 });
    assert.equal(agent.received.length, 0, 'the message was delivered inside send');
    await kit.until('the last pong', () => proxy.received.length === 6);
    assert.equal(deepest, 1, 'a handler was called inside another');
  }),
  rule('order.connections', 'connections do not mix: each gets its own messages', async (kit) => {
    const [one, two] = [await kit.pair(), await kit.pair()];
    for (const sequence of upTo(50)) {
      one.proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
      two.proxy.connection.send({ type: 'ping', sequence: 1000 + sequence, timestampMs: 1 });
    }
    await kit.until('50 messages each', () => one.agent.received.length >= 50 && two.agent.received.length >= 50);
    assertSequence(one.agent.received, 50);
    assertSequence(two.agent.received, 50, 1000);
  }),
];
