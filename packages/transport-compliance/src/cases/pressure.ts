import assert from 'node:assert/strict';
import { ALLOW, AgentwireError } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import type { Kit } from '../kit/kit.ts';
import type { Pair } from '../kit/pair.ts';
import { chunk } from '../kit/samples.ts';
import { turn } from '../kit/waiting.ts';

const MIB = 1024 * 1024;
const PIECE = 60 * 1024;
/** More pieces than fit below any cap: 8 MiB here, and what the medium holds on its way. */
const MANY = 2000;

/** Sends chunks in one tick until send returns `false`. @returns the number of chunks */
function sendUntilStop(kit: Kit, { proxy }: Pair): number {
  const id = kit.id(proxy, 1);
  for (let sent = 1; sent <= MANY; sent += 1) {
    if (!proxy.connection.send(chunk(id, sent, PIECE))) return sent;
  }
  return assert.fail(`send returned no false in ${MANY} chunks of ${PIECE} bytes`);
}

function sendUntilRefused(kit: Kit, { proxy }: Pair): AgentwireError {
  const id = kit.id(proxy, 1);
  for (let sent = 1; sent <= MANY; sent += 1) {
    try {
      proxy.connection.send(chunk(id, sent, PIECE));
    } catch (error) {
      assert.ok(error instanceof AgentwireError, `send failed with ${String(error)}`);
      return error;
    }
  }
  return assert.fail(`send took ${MANY} chunks of ${PIECE} bytes in one tick and refused none`);
}

/** Back-pressure: one side is faster than the other. */
export const PRESSURE_CASES: readonly ComplianceCase[] = [
  rule(
    'pressure.stop',
    'send returns false soon after 1 MiB is buffered, not before, and onDrain follows once',
    async (kit) => {
      const pair = await kit.pair();
      const sent = sendUntilStop(kit, pair);
      const bytes = sent * PIECE;
      assert.ok(bytes >= MIB / 2, `stopped after ${bytes} bytes, 1 MiB may be buffered`);
      assert.ok(bytes <= 3 * MIB, `stopped only after ${bytes} bytes, 1 MiB may be buffered`);
      assert.equal(pair.proxy.drains, 0, 'onDrain was called inside send');
      await kit.until('onDrain', () => pair.proxy.drains > 0);
      await kit.until('all chunks', () => pair.agent.received.length === sent);
      await kit.settle();
      assert.equal(pair.proxy.drains, 1);
      assert.equal(pair.proxy.connection.bufferedBytes, 0);
    },
  ),
  rule('pressure.no-drain', 'onDrain is not called unless send returned false', async (kit) => {
    const pair = await kit.pair();
    for (let index = 0; index < 5; index += 1) {
      assert.equal(pair.proxy.connection.send(chunk(kit.id(pair.proxy, 1), index, 1000)), true);
    }
    await kit.until('all chunks', () => pair.agent.received.length === 5);
    await kit.settle();
    assert.equal(pair.proxy.drains, 0);
  }),
  rule('pressure.low', 'when onDrain is called there is room again', async (kit) => {
    const pair = await kit.pair();
    let buffered = Infinity;
    pair.proxy.reactToDrain = () => (buffered = pair.proxy.connection.bufferedBytes);
    sendUntilStop(kit, pair);
    await kit.until('onDrain', () => pair.proxy.drains > 0);
    assert.ok(buffered < MIB, `${buffered} bytes were buffered in onDrain`);
  }),
  rule(
    'pressure.cap',
    'past 8 MiB buffered events throw ERR_OVERLOADED, and those accepted before arrive',
    async (kit) => {
      const pair = await kit.pair();
      const { code } = sendUntilRefused(kit, pair);
      assert.equal(code, 'ERR_OVERLOADED');
      const { bufferedBytes, status } = pair.proxy.connection;
      assert.ok(
        bufferedBytes > MIB && bufferedBytes <= 9 * MIB,
        `${bufferedBytes} bytes are buffered, at most 8 MiB expected`,
      );
      assert.equal(status, 'open');
      await kit.until('the buffer to empty', () => pair.proxy.connection.bufferedBytes === 0);
      await kit.assertAlive(pair);
      const indices = pair.agent.received.map((message) => (message.type === 'requestBodyChunk' ? message.index : -1));
      const chunks = indices.filter((index) => index !== -1);
      assert.deepEqual(
        chunks,
        Array.from(chunks, (_, at) => at + 1),
      );
    },
  ),
  rule('pressure.never-refused', 'cancel, pong and drain are accepted past 8 MiB', async (kit) => {
    const pair = await kit.pair();
    const { connection } = pair.proxy;
    sendUntilRefused(kit, pair);
    assert.equal(
      connection.send({ type: 'cancel', id: kit.id(pair.proxy, 1), reason: 'timeout', timestampMs: 1 }),
      false,
    );
    assert.equal(connection.send({ type: 'pong', sequence: 9, timestampMs: 1 }), false);
    if (connection.peer.accepts.has('drain')) assert.equal(connection.send({ type: 'drain', reason: 'full' }), false);
    await kit.until('pong', () => pair.agent.received.some((message) => message.type === 'pong'));
    assert.ok(pair.agent.received.some((message) => message.type === 'cancel'));
  }),
  rule('pressure.answers', 'answers are accepted past 8 MiB, and all arrive', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const decision = { verdict: { type: 'block', status: 403, body: 'x'.repeat(PIECE) } } as const;
    const count = 200;
    for (let at = 0; at < count; at += 1) agent.connection.send({ type: 'answer', id: kit.id(agent, at), decision });
    agent.connection.send({ type: 'answer', id: kit.id(agent, count), decision: ALLOW });
    await kit.until('all answers', () => proxy.received.length === count + 1);
  }),
  rule('pressure.one-message', 'one message always fits into an empty buffer, even past 8 MiB', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const length = Math.min(9 * MIB, Math.floor(proxy.connection.peer.maxMessageBytes * 0.7));
    const sent = chunk(kit.id(proxy, 1), 0, length);
    assert.equal(proxy.connection.bufferedBytes, 0);
    proxy.connection.send(sent);
    await kit.until('the chunk', () => agent.received.length === 1);
    kit.assertArrived(agent.received[0], sent);
  }),
  rule(
    'pressure.paused-peer',
    'a paused peer stops the sender; after resume everything arrives and onDrain is called',
    async (kit) => {
      const pair = await kit.pair();
      const { proxy, agent } = pair;
      agent.connection.pause();
      let sent = 0;
      while (proxy.connection.send(chunk(kit.id(proxy, 1), sent, PIECE))) {
        sent += 1;
        assert.ok(sent < MANY, 'send returned no false although the other side does not read');
        await turn();
      }
      sent += 1;
      await kit.settle();
      assert.equal(agent.received.length, 0);
      agent.connection.resume();
      await kit.until('all chunks', () => agent.received.length === sent);
      await kit.until('onDrain', () => proxy.drains > 0);
      await kit.until('the buffer to empty', () => proxy.connection.bufferedBytes === 0);
    },
    'pause',
  ),
  rule(
    'pressure.others',
    'a paused connection delays no other',
    async (kit) => {
      const [stuck, other] = [await kit.pair(), await kit.pair()];
      stuck.agent.connection.pause();
      sendUntilStop(kit, stuck);
      await kit.assertAlive(other);
      assert.equal(stuck.agent.received.length, 0);
    },
    'pause',
  ),
];
