import assert from 'node:assert/strict';
import { AgentwireError } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import type { Pair } from '../kit/pair.ts';
import { chunk } from '../kit/samples.ts';

/** Longest message that the kit makes; larger limits are not tried out. */
const MOST_BYTES = 64 * 1024 * 1024;
const MIB = 1024 * 1024;

function limitOf(pair: Pair): number | undefined {
  const limit = pair.proxy.connection.peer.maxMessageBytes;
  return limit <= MOST_BYTES ? limit : undefined;
}

/** Length of messages. */
export const SIZE_CASES: readonly ComplianceCase[] = [
  rule(
    'size.chunk',
    'a chunk of 1 MiB, or of half the limit where that is less, arrives whole in both directions',
    async (kit) => {
      const { proxy, agent } = await kit.pair();
      const length = Math.min(MIB, proxy.connection.peer.maxMessageBytes >> 1);
      await kit.carry(proxy, agent, chunk(kit.id(proxy, 1), 0, length));
      const data = chunk(0, 1, length).data;
      const decision = { verdict: { type: 'allow' }, requestBodyMutation: { index: 0, data } } as const;
      await kit.carry(agent, proxy, { type: 'answer', id: kit.id(agent, 1), decision });
    },
  ),
  rule('size.largest', 'a message just under the limit arrives whole', async (kit) => {
    const pair = await kit.pair();
    const limit = limitOf(pair);
    if (limit === undefined) return;
    for (const share of [0.999, 0.98, 0.74, 0.5]) {
      const sent = chunk(kit.id(pair.proxy, 1), 0, Math.floor(limit * share));
      const before = pair.agent.received.length;
      try {
        pair.proxy.connection.send(sent);
      } catch (error) {
        assert.ok(
          error instanceof AgentwireError && error.code === 'ERR_MESSAGE_TOO_LARGE',
          `send failed with ${String(error)}`,
        );
        continue;
      }
      await kit.until(`a chunk of ${sent.data.length} bytes`, () => pair.agent.received.length > before);
      kit.assertArrived(pair.agent.received[before], sent);
      return;
    }
    assert.fail(`send took no chunk of half the limit of ${limit} bytes`);
  }),
  rule(
    'size.over',
    'a message over the limit throws ERR_MESSAGE_TOO_LARGE at send, and the connection is unharmed',
    async (kit) => {
      const pair = await kit.pair();
      const limit = limitOf(pair);
      if (limit === undefined) return;
      const { proxy, agent } = pair;
      const sent = chunk(kit.id(proxy, 1), 0, limit + 1);
      const buffered = proxy.connection.bufferedBytes;
      kit.throws('sending too much', () => proxy.connection.send(sent), 'ERR_MESSAGE_TOO_LARGE');
      assert.equal(proxy.connection.bufferedBytes, buffered);
      const body = 'x'.repeat(limit + 1);
      const decision = { verdict: { type: 'block', status: 403, body } } as const;
      const id = kit.id(agent, 1);
      kit.throws(
        'answering too much',
        () => agent.connection.send({ type: 'answer', id, decision }),
        'ERR_MESSAGE_TOO_LARGE',
      );
      await kit.assertAlive(pair);
      assert.deepEqual([agent.received.length, proxy.received.length], [1, 1]);
    },
  ),
];
