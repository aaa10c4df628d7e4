import assert from 'node:assert/strict';
import { rule, type ComplianceCase } from '../compliance-case.ts';

/** Pausing. */
export const PAUSE_CASES: readonly ComplianceCase[] = [
  rule('pause.holds', 'pause holds messages back, resume brings all of them in order', async (kit) => {
    const { proxy, agent } = await kit.pair();
    agent.connection.pause();
    for (let sequence = 0; sequence < 100; sequence += 1)
      proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    await kit.settle();
    assert.equal(agent.received.length, 0, 'a message came in while paused');
    agent.connection.resume();
    assert.equal(agent.received.length, 0, 'resume delivered inside its own call');
    await kit.until('100 messages', () => agent.received.length === 100);
    const sequences = agent.received.map((message) => (message.type === 'ping' ? message.sequence : message.type));
    assert.deepEqual(
      sequences,
      Array.from({ length: 100 }, (_, at) => at),
    );
  }),
  rule('pause.at-once', 'pause inside onMessage stops the very next message', async (kit) => {
    const { proxy, agent } = await kit.pair();
    agent.react = () => agent.connection.pause();
    for (let sequence = 0; sequence < 3; sequence += 1)
      proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    for (let count = 1; count <= 3; count += 1) {
      await kit.until(`message ${count}`, () => agent.received.length >= count);
      await kit.settle();
      assert.equal(agent.received.length, count);
      agent.connection.resume();
    }
  }),
  rule('pause.reentrant', 'pause and resume inside onMessage deliver nothing inside it', async (kit) => {
    const { proxy, agent } = await kit.pair();
    let [depth, deepest, inside] = [0, 0, 0];
    agent.react = () => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      const { length } = agent.received;
      agent.connection.pause();
      agent.connection.resume();
      inside += agent.received.length - length;
      depth -= 1;
    };
    for (let sequence = 0; sequence < 100; sequence += 1)
      proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    await kit.until('100 messages', () => agent.received.length === 100 || agent.ends.length > 0);
    assert.deepEqual([deepest, inside], [1, 0], 'onMessage was called inside onMessage');
    const sequences = agent.received.map((message) => (message.type === 'ping' ? message.sequence : message.type));
    assert.deepEqual(
      sequences,
      Array.from({ length: 100 }, (_, at) => at),
    );
  }),
  rule('pause.one-way', 'a paused side can still send', async (kit) => {
    const { proxy, agent } = await kit.pair();
    agent.connection.pause();
    await kit.carry(agent, proxy, { type: 'ping', sequence: 1, timestampMs: 1 });
    assert.equal(agent.received.length, 0);
  }),
];
