import assert from 'node:assert/strict';
import { AgentwireError } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import type { Kit } from '../kit/kit.ts';

const PING = { type: 'ping', sequence: 1, timestampMs: 1 } as const;

async function abortCase(kit: Kit, aborting: 'dialled' | 'accepted'): Promise<void> {
  const pair = await kit.pair();
  const [aborts, other] = aborting === 'dialled' ? [pair.dialled, pair.accepted] : [pair.accepted, pair.dialled];
  aborts.connection.abort(new AgentwireError('ERR_INVALID_STATE', 'enough of this'));
  assert.equal(aborts.connection.status, 'closed');
  kit.throws('send after abort', () => aborts.connection.send(PING), 'ERR_CLOSED');
  await kit.until('onClose on the other side', () => other.ends.length > 0);
  aborts.connection.abort();
  other.connection.abort();
  await kit.settle();
  assert.deepEqual(
    [aborts.ends.length, aborts.ends[0]?.by, aborts.ends[0]?.error?.code],
    [1, 'local', 'ERR_INVALID_STATE'],
  );
  assert.deepEqual([other.ends.length, other.ends[0]?.by], [1, 'remote']);
}

/** Abort: an end without a flush. */
export const ABORT_CASES: readonly ComplianceCase[] = [
  rule('abort.dialled', 'abort of the dialling side ends both at once, with one onClose each', (kit) =>
    abortCase(kit, 'dialled'),
  ),
  rule('abort.accepted', 'abort of the accepting side ends both at once, with one onClose each', (kit) =>
    abortCase(kit, 'accepted'),
  ),
  rule('abort.drops', 'after abort nothing is delivered to the side that aborted', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (let count = 0; count < 100; count += 1) agent.connection.send(PING);
    proxy.react = () => proxy.connection.abort();
    await kit.until('onClose', () => proxy.ends.length > 0 && agent.ends.length > 0);
    await kit.settle();
    assert.deepEqual(proxy.log, ['message', 'close']);
    assert.equal(proxy.connection.bufferedBytes, 0);
  }),
  rule('abort.closing', 'abort ends a close that waits, which resolves', async (kit) => {
    const { proxy, agent } = await kit.pair();
    agent.connection.pause();
    for (let count = 0; count < 100; count += 1) proxy.connection.send(PING);
    const closed = proxy.connection.close();
    proxy.connection.abort();
    assert.equal(proxy.connection.status, 'closed');
    await kit.settled('close', closed);
    await kit.settled('a later close', proxy.connection.close());
    assert.equal(proxy.ends.length, 1);
  }),
  rule('abort.other-closing', 'close resolves when the other side aborts', async (kit) => {
    const { proxy, agent } = await kit.pair();
    agent.connection.pause();
    proxy.connection.send(PING);
    const closed = proxy.connection.close();
    agent.connection.abort();
    await kit.settled('close', closed);
    await kit.until('onClose on both sides', () => proxy.ends.length === 1 && agent.ends.length === 1);
    assert.equal(agent.received.length, 0);
  }),
  rule('abort.only-one', 'abort of one connection leaves the others alone', async (kit) => {
    const { broken, alive } = await kit.twoPairs();
    broken.agent.connection.abort();
    await kit.until('onClose', () => broken.proxy.ends.length > 0);
    await kit.assertAlive(alive);
  }),
];
