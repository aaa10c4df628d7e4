import assert from 'node:assert/strict';
import { parseEndpoint } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import type { Kit } from '../kit/kit.ts';
import { PROXY } from '../kit/hellos.ts';
import { Side } from '../kit/side.ts';

const accept = (connection: Parameters<Side['take']>[0]): Side => new Side().take(connection);

async function pendingCase(kit: Kit, peers: number, maxPendingHandshakes: number): Promise<void> {
  let [asked, gone] = [0, 0];
  const listener = await kit.listen({
    maxPendingHandshakes,
    authorize(peer, _credential, signal) {
      if (peer.name === 'good') return undefined;
      asked += 1;
      signal.addEventListener('abort', () => (gone += 1));
      return new Promise(() => undefined);
    },
    onConnection: accept,
  });
  let refused = 0;
  for (let at = 0; at < peers; at += 1) {
    void kit
      .connect(listener.address, new Side(), { self: { ...PROXY, name: `slow-${at}` } })
      .catch(() => (refused += 1));
  }
  const most = peers - maxPendingHandshakes;
  await kit.until(`${most} of ${peers} unfinished handshakes to be evicted`, () => refused >= most);
  const good = new Side();
  await kit.settled('a good peer', kit.connect(listener.address, good, { self: { ...PROXY, name: 'good' } }));
  await kit.until('the signals of the evicted ones', () => asked - gone <= maxPendingHandshakes);
  assert.equal(good.connection.status, 'open');
  assert.ok(refused <= most + 1, `${refused} of ${peers} were evicted, ${most} or ${most + 1} expected`);
}

/** Listening. */
export const LISTEN_CASES: readonly ComplianceCase[] = [
  rule(
    'listen.address',
    "a listener's address is in its printed form, of a scheme of the transport, and can be dialled",
    async (kit) => {
      const listener = await kit.listen({ onConnection: accept });
      const endpoint = parseEndpoint(listener.address);
      assert.equal(endpoint.address, listener.address);
      assert.ok(kit.transport.schemes.includes(endpoint.scheme), `${endpoint.scheme} is not a scheme of the transport`);
      assert.notEqual(endpoint.port, 0, 'the address must have the real port');
      const connection = await kit.settled('connect', kit.connect(listener.address, new Side()));
      assert.equal(connection.status, 'open');
    },
  ),
  rule('listen.taken', 'a bound address cannot be bound again: ERR_CONNECT', async (kit) => {
    const listener = await kit.listen({ onConnection: accept });
    await kit.rejects('listening twice', kit.listen({ onConnection: accept }, listener.address), 'ERR_CONNECT');
    const connection = await kit.settled('connect', kit.connect(listener.address, new Side()));
    assert.equal(connection.status, 'open');
  }),
  rule('listen.count', 'connectionCount counts the open connections', async (kit) => {
    const { listener, dialled } = await kit.pair();
    assert.equal(listener.connectionCount, 1);
    await kit.settled('close', dialled.connection.close());
    await kit.until('connectionCount to be 0', () => listener.connectionCount === 0);
  }),
  rule('listen.close', 'close frees the address: no peer can connect, and it can be bound again', async (kit) => {
    const listener = await kit.listen({ onConnection: accept });
    const { address } = listener;
    await kit.settled('close', listener.close());
    await kit.rejects('connecting to a closed listener', kit.connect(address, new Side()), 'ERR_CONNECT');
    await kit.settled('a second close', listener.close());
    await kit.settled('dispose', listener[Symbol.asyncDispose]());
    const again = await kit.listen({ onConnection: accept }, address);
    assert.equal(again.address, address);
    await kit.settled('connect', kit.connect(address, new Side()));
  }),
  rule('listen.close-keeps', 'close leaves open connections alone', async (kit) => {
    const pair = await kit.pair();
    await kit.settled('close', pair.listener.close());
    await kit.settle();
    await kit.assertAlive(pair);
    assert.deepEqual([pair.proxy.ends, pair.agent.ends], [[], []]);
  }),
  rule(
    'listen.close-pending',
    'close drops unfinished handshakes',
    async (kit) => {
      const asked = Promise.withResolvers<AbortSignal>();
      const listener = await kit.listen({
        authorize(_peer, _credential, signal) {
          asked.resolve(signal);
          return new Promise(() => undefined);
        },
        onConnection: accept,
      });
      const attempt = kit.connect(listener.address, new Side());
      const signal = await kit.settled('authorize', asked.promise);
      await kit.settled('close', listener.close());
      await kit.rejects('connect', attempt, 'ERR_CONNECT', 'ERR_CLOSED', 'ERR_REFUSED', 'ERR_DRAINING');
      await kit.until("authorize's signal", () => signal.aborted);
    },
    'authorize',
  ),
  rule(
    'listen.max-connections',
    'past maxConnections a peer is refused, others are unharmed, and a slot that is free again is used',
    async (kit) => {
      const [first, accepted] = [new Side(), new Side()];
      let taken = 0;
      const listener = await kit.listen({
        maxConnections: 1,
        onConnection(connection) {
          taken += 1;
          return taken === 1 ? accepted.take(connection) : accept(connection);
        },
      });
      await kit.connect(listener.address, first);
      await kit.until('the accepting side', () => accepted.connected);
      await kit.rejects('a second peer', kit.connect(listener.address, new Side()), 'ERR_OVERLOADED', 'ERR_REFUSED');
      assert.equal(taken, 1);
      await kit.assertAlive({ proxy: first, agent: accepted });
      await kit.settled('close', first.connection.close());
      await kit.until('the slot to be free', () => listener.connectionCount === 0);
      await kit.settled('a third peer', kit.connect(listener.address, new Side()));
    },
  ),
  rule(
    'listen.max-pending',
    'past maxPendingHandshakes the oldest unfinished one is evicted',
    (kit) => pendingCase(kit, 5, 2),
    'authorize',
  ),
  rule(
    'listen.pending-flood',
    '300 unfinished handshakes do not keep a good peer out',
    (kit) => pendingCase(kit, 300, 64),
    'authorize',
  ),
];
