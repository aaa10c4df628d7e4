import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import type { Kit } from '../kit/kit.ts';
import type { Pair } from '../kit/pair.ts';
import type { Side } from '../kit/side.ts';
import { chunk, requestHeaders } from '../kit/samples.ts';
import { turn } from '../kit/waiting.ts';

/** Pauses the agent and fills everything between the two, so that a flush cannot finish. */
async function stuck(kit: Kit): Promise<Pair> {
  const pair = await kit.pair();
  pair.agent.connection.pause();
  for (let index = 0; pair.proxy.connection.send(chunk(kit.id(pair.proxy, 1), index, 60 * 1024)); index += 1) {
    assert.ok(index < 2000, 'send returned no false although the other side does not read');
    await turn();
  }
  await kit.settle();
  return pair;
}

const reasonsOf = ({ ends }: Side): unknown[] => ends.map(({ by, error }) => [by, error?.code]);
const reasons = (pair: Pair): unknown[] => [pair.dialled, pair.accepted].map(reasonsOf);

async function bothEnded(kit: Kit, pair: Pair): Promise<void> {
  await kit.until('onClose on both sides', () => pair.proxy.ends.length > 0 && pair.agent.ends.length > 0);
  await kit.settle();
}

/** The orderly end. */
export const CLOSE_CASES: readonly ComplianceCase[] = [
  rule(
    'close.flushes',
    'close sends what is buffered first; then both sides get one onClose without an error',
    async (kit) => {
      const pair = await kit.pair();
      for (let at = 0; at < 500; at += 1) pair.proxy.connection.send(requestHeaders(kit.id(pair.proxy, at)));
      const closed = pair.proxy.connection.close();
      assert.equal(pair.proxy.connection.status, 'closing');
      await kit.settled('close', closed);
      assert.equal(pair.proxy.connection.status, 'closed');
      await bothEnded(kit, pair);
      assert.equal(pair.agent.received.length, 500);
      assert.equal(pair.agent.connection.status, 'closed');
      assert.deepEqual([pair.proxy, pair.agent].map(reasonsOf), [[['local', undefined]], [['remote', undefined]]]);
    },
  ),
  rule('close.listening-side', 'the listening side can close as well', async (kit) => {
    const pair = await kit.pair();
    pair.accepted.connection.send({ type: 'ping', sequence: 1, timestampMs: 1 });
    await kit.settled('close', pair.accepted.connection.close());
    await bothEnded(kit, pair);
    assert.equal(pair.dialled.received.length, 1);
    assert.deepEqual(reasons(pair), [[['remote', undefined]], [['local', undefined]]]);
  }),
  rule('close.large', 'close flushes megabytes', async (kit) => {
    const pair = await kit.pair();
    for (let index = 0; index < 60; index += 1)
      pair.proxy.connection.send(chunk(kit.id(pair.proxy, 1), index, 60 * 1024));
    await kit.settled('close', pair.proxy.connection.close());
    await bothEnded(kit, pair);
    assert.equal(pair.agent.received.length, 60);
  }),
  rule('close.idempotent', 'close can be called again and resolves every time; dispose is close', async (kit) => {
    const { proxy } = await kit.pair();
    await kit.settled('both closes', Promise.all([proxy.connection.close(), proxy.connection.close()]));
    await kit.settled('a later close', proxy.connection.close());
    await kit.settled('dispose', proxy.connection[Symbol.asyncDispose]());
    assert.equal(proxy.ends.length, 1);
  }),
  rule('close.dispose', 'dispose is close: it flushes', async (kit) => {
    const pair = await kit.pair();
    for (let sequence = 0; sequence < 50; sequence += 1)
      pair.proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    await kit.settled('dispose', pair.proxy.connection[Symbol.asyncDispose]());
    await bothEnded(kit, pair);
    assert.equal(pair.agent.received.length, 50);
  }),
  rule('close.send', 'after close send throws ERR_CLOSED, on the other side as well once it knows', async (kit) => {
    const pair = await kit.pair();
    const ping = { type: 'ping', sequence: 1, timestampMs: 1 } as const;
    const closed = pair.proxy.connection.close();
    kit.throws('send while closing', () => pair.proxy.connection.send(ping), 'ERR_CLOSED');
    await kit.settled('close', closed);
    kit.throws('send when closed', () => pair.proxy.connection.send(ping), 'ERR_CLOSED');
    await bothEnded(kit, pair);
    kit.throws('send on the other side', () => pair.agent.connection.send(ping), 'ERR_CLOSED');
    assert.equal(pair.agent.received.length, 0);
  }),
  rule('close.receives', 'what the other side had sent before it learned of the close still comes in', async (kit) => {
    const pair = await kit.pair();
    for (let sequence = 0; sequence < 20; sequence += 1)
      pair.agent.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    await kit.settled('close', pair.proxy.connection.close());
    assert.equal(pair.proxy.received.length, 20);
    await bothEnded(kit, pair);
  }),
  rule('close.both', 'both sides may close at once: both resolve, one onClose each', async (kit) => {
    const pair = await kit.pair();
    pair.proxy.connection.send({ type: 'ping', sequence: 1, timestampMs: 1 });
    pair.agent.connection.send({ type: 'ping', sequence: 2, timestampMs: 1 });
    await kit.settled('both closes', Promise.all([pair.proxy.connection.close(), pair.agent.connection.close()]));
    await bothEnded(kit, pair);
    assert.deepEqual([pair.proxy.ends.length, pair.agent.ends.length], [1, 1]);
    assert.deepEqual([pair.proxy.received.length, pair.agent.received.length], [1, 1]);
  }),
  rule('close.in-handler', 'close inside onMessage works', async (kit) => {
    const pair = await kit.pair();
    const closed = Promise.withResolvers<void>();
    pair.agent.react = (message) => {
      if (message.type === 'ping') pair.agent.connection.send({ ...message, type: 'pong' });
      void pair.agent.connection.close().then(closed.resolve);
    };
    pair.proxy.connection.send({ type: 'ping', sequence: 5, timestampMs: 1 });
    await kit.settled('close', closed.promise);
    await bothEnded(kit, pair);
    assert.deepEqual(pair.proxy.log, ['message', 'close']);
  }),
  rule('close.last', 'onClose comes after the last message, and nothing comes after it', async (kit) => {
    const pair = await kit.pair();
    for (let sequence = 0; sequence < 200; sequence += 1)
      pair.proxy.connection.send({ type: 'ping', sequence, timestampMs: 1 });
    void pair.proxy.connection.close();
    await bothEnded(kit, pair);
    const { log } = pair.agent;
    assert.equal(log.indexOf('close'), log.length - 1);
    assert.equal(log.length, 201);
  }),
  rule(
    'close.deadline',
    'close resolves by a deadline even when the other side reads nothing',
    async (kit) => {
      const pair = await stuck(kit);
      const closed = pair.proxy.connection.close();
      await kit.settle();
      assert.equal(pair.proxy.connection.status, 'closing', 'the rest cannot be flushed');
      for (let second = 0; second < 120 && pair.proxy.connection.status === 'closing'; second += 1) {
        kit.clock.advance(1000);
        await kit.settle();
      }
      assert.equal(pair.proxy.connection.status, 'closed', 'close did not end in two minutes of the clock');
      await kit.settled('close', closed);
      assert.equal(pair.proxy.ends.length, 1);
    },
    'pause',
    'clock',
  ),
  rule(
    'close.signal',
    'an aborted signal turns a waiting close into abort',
    async (kit) => {
      const pair = await stuck(kit);
      const abort = new AbortController();
      const closed = pair.proxy.connection.close({ signal: abort.signal });
      await kit.settle();
      assert.equal(pair.proxy.connection.status, 'closing');
      abort.abort();
      assert.equal(pair.proxy.connection.status, 'closed');
      await kit.settled('close', closed);
      assert.deepEqual([pair.proxy.ends.length, pair.proxy.ends[0]?.by], [1, 'local']);
    },
    'pause',
  ),
  rule('close.signal-listeners', 'a close that is over leaves no listener on its signal', async (kit) => {
    const { signal } = new AbortController();
    const [one, two] = [await kit.pair(), await kit.pair()];
    await kit.settled('close', one.proxy.connection.close({ signal }));
    await kit.settled('a later close', one.proxy.connection.close({ signal }));
    const aborted = two.proxy.connection.close({ signal });
    two.proxy.connection.abort();
    await kit.settled('close', aborted);
    assert.equal(getEventListeners(signal, 'abort').length, 0, 'abort listeners are left on the signal');
  }),
  rule('close.signal-aborted', 'close with a signal that is aborted already ends at once', async (kit) => {
    const pair = await kit.pair();
    const closed = pair.proxy.connection.close({ signal: AbortSignal.abort() });
    assert.equal(pair.proxy.connection.status, 'closed');
    await kit.settled('close', closed);
    await bothEnded(kit, pair);
    assert.deepEqual([pair.proxy.ends.length, pair.agent.ends.length], [1, 1]);
  }),
];
