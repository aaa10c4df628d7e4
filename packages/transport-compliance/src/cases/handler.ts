import assert from 'node:assert/strict';
import { rule, type ComplianceCase } from '../compliance-case.ts';

const PING = { type: 'ping', sequence: 1, timestampMs: 1 } as const;

/** Handlers that throw, and resources that must not be left behind. */
export const HANDLER_CASES: readonly ComplianceCase[] = [
  rule('handler.throws', 'a throw of onMessage ends its connection with that error, and no other', async (kit) => {
    const { broken, alive } = await kit.twoPairs();
    broken.agent.react = () => {
      throw new TypeError('a bug in a handler');
    };
    broken.proxy.connection.send(PING);
    broken.proxy.connection.send(PING);
    await kit.until('onClose', () => broken.proxy.ends.length > 0 && broken.agent.ends.length > 0);
    assert.deepEqual(broken.agent.log, ['message', 'close']);
    const [end] = broken.agent.ends;
    assert.deepEqual([end?.by, end?.error?.code], ['local', 'ERR_HANDLER']);
    assert.match(end?.error?.message ?? '', /a bug in a handler/);
    assert.equal(broken.proxy.ends[0]?.by, 'remote');
    await kit.assertAlive(alive);
  }),
  rule('handler.throws-drain', 'a throw of onDrain ends its connection', async (kit) => {
    const { broken, alive } = await kit.twoPairs();
    const { proxy } = broken;
    proxy.reactToDrain = () => {
      throw new TypeError('a bug in onDrain');
    };
    const data = new Uint8Array(60 * 1024);
    let index = 0;
    while (proxy.connection.send({ type: 'requestBodyChunk', id: kit.id(proxy, 1), index, data, last: false })) {
      index += 1;
      assert.ok(index < 2000, 'send returned no false');
    }
    await kit.until('onClose', () => proxy.ends.length > 0);
    assert.equal(proxy.ends[0]?.error?.code, 'ERR_HANDLER');
    await kit.assertAlive(alive);
  }),
  rule('handler.throws-close', 'a throw of onClose affects nothing else', async (kit) => {
    const { broken, alive } = await kit.twoPairs();
    let ends = 0;
    for (const side of [broken.proxy, broken.agent]) {
      side.onClose = () => {
        ends += 1;
        throw new TypeError('a bug in onClose');
      };
    }
    broken.proxy.connection.abort();
    await kit.until('both onClose', () => ends === 2);
    await kit.settled('close after that', broken.proxy.connection.close());
    await kit.assertAlive(alive);
  }),
  rule('bytes.received', 'receivedBytes grows with what comes in', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const before = agent.connection.receivedBytes;
    assert.ok(before >= 0);
    proxy.connection.send({
      type: 'requestBodyChunk',
      id: kit.id(proxy, 1),
      index: 0,
      data: new Uint8Array(10_000),
      last: true,
    });
    await kit.until('the chunk', () => agent.received.length === 1);
    const after = agent.connection.receivedBytes;
    assert.ok(after - before >= 10_000, `receivedBytes grew by ${after - before} for 10 000 bytes`);
    proxy.connection.send(PING);
    await kit.until('the ping', () => agent.received.length === 2);
    assert.ok(agent.connection.receivedBytes > after);
  }),
  rule('end.no-leaks', 'after many connections nothing is left: no connection, no timer, no handle', async (kit) => {
    const pairs = [await kit.pair(), await kit.pair(), await kit.pair(), await kit.pair()] as const;
    for (const pair of pairs) await kit.assertAlive(pair);
    await kit.settled('close', pairs[0].proxy.connection.close());
    await kit.settled('close', pairs[1].agent.connection.close());
    pairs[2].proxy.connection.abort();
    pairs[3].agent.connection.abort();
    await kit.gone(() => {
      const open = pairs.filter((pair) => pair.listener.connectionCount > 0).length;
      return open === 0 ? undefined : `${open} of 4 ended connections are still counted by their listeners`;
    });
    for (const pair of pairs) assert.deepEqual([pair.proxy.ends.length, pair.agent.ends.length], [1, 1]);
    await kit.gone(() => {
      const { pendingTimers } = kit.clock;
      return pendingTimers === 0 ? undefined : `${pendingTimers} timers are left after the last connection ended`;
    });
  }),
];
