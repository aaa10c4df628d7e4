import assert from 'node:assert/strict';
import { AgentwireError, type Message } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { Side } from '../kit/side.ts';

const PING: Message = { type: 'ping', sequence: 1, timestampMs: 1 };

/** The beginning of a connection. */
export const OPEN_CASES: readonly ComplianceCase[] = [
  rule('open.once', 'onConnection runs once on each side, and both sides are open', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (const side of [proxy, agent]) {
      assert.equal(side.connection.status, 'open');
      assert.equal(side.connection.bufferedBytes, 0);
      assert.deepEqual(side.log, []);
    }
    assert.notEqual(proxy.connection.id, agent.connection.id, 'ids of connections must be unique in the process');
    await kit.assertAlive({ proxy, agent });
  }),
  rule('open.resolves-own', 'connect resolves with the connection that onConnection was given', async (kit) => {
    const listener = await kit.listen({ onConnection: (connection) => new Side().take(connection) });
    const side = new Side();
    assert.equal(await kit.connect(listener.address, side), side.connection);
  }),
  rule(
    'open.transaction',
    'messages that the listening side sends in onConnection arrive first, once, after onConnection',
    async (kit) => {
      const accepted = new Side();
      const listener = await kit.listen({
        onConnection(connection) {
          for (let sequence = 0; sequence < 100; sequence += 1)
            connection.send({ type: 'ping', sequence, timestampMs: 1 });
          return accepted.take(connection);
        },
      });
      const dialled = new Side();
      await kit.connect(listener.address, dialled);
      await kit.until('what was sent in onConnection', () => dialled.received.length >= 100);
      await kit.settle();
      const sequences = dialled.received.map((message) => (message.type === 'ping' ? message.sequence : message.type));
      assert.deepEqual(
        sequences,
        Array.from({ length: 100 }, (_, sequence) => sequence),
      );
    },
  ),
  rule('open.dialer-sends', 'messages that the dialling side sends in onConnection arrive', async (kit) => {
    const accepted = new Side();
    const listener = await kit.listen({ onConnection: (connection) => accepted.take(connection) });
    const dialled = new Side();
    await kit.connect(listener.address, dialled, {
      onConnection(connection) {
        connection.send(PING);
        return dialled.take(connection);
      },
    });
    await kit.until('what was sent in onConnection', () => accepted.received.length > 0);
    assert.equal(accepted.received[0]?.type, 'ping');
  }),
  rule(
    'open.refuse',
    'a throw of the listening onConnection refuses the peer with its reason, and sends nothing else',
    async (kit) => {
      let sent = false;
      const listener = await kit.listen({
        onConnection(connection) {
          sent = connection.send(PING);
          throw new AgentwireError('ERR_OVERLOADED', 'the kit is full');
        },
      });
      const dialled = new Side();
      const failure = await kit.rejects(
        'connecting to a full side',
        kit.connect(listener.address, dialled),
        'ERR_REFUSED',
        'ERR_OVERLOADED',
      );
      if (kit.subject.features?.refusals !== false) assert.match(failure.message, /the kit is full/);
      await kit.settle();
      assert.equal(sent, true);
      assert.equal(dialled.connected, false, 'the refused side must not learn of a connection');
      assert.deepEqual(dialled.received, []);
      assert.equal(listener.connectionCount, 0);
    },
  ),
  rule('open.refuse-plain', 'a throw that is no AgentwireError refuses as well', async (kit) => {
    const listener = await kit.listen({
      onConnection() {
        throw new RangeError('a plain error');
      },
    });
    await kit.rejects('connecting', kit.connect(listener.address, new Side()), 'ERR_REFUSED', 'ERR_HANDLER');
    await kit.until('connectionCount to be 0', () => listener.connectionCount === 0);
  }),
  rule(
    'open.dialer-throws',
    'a throw of the dialling onConnection fails connect and ends the other side once',
    async (kit) => {
      const accepted = new Side();
      const listener = await kit.listen({ onConnection: (connection) => accepted.take(connection) });
      const attempt = kit.connect(listener.address, new Side(), {
        onConnection() {
          throw new AgentwireError('ERR_INVALID_STATE', 'not now');
        },
      });
      const failure = await kit.rejects('connect', attempt, 'ERR_INVALID_STATE');
      assert.match(failure.message, /not now/);
      await kit.until(
        'the accepting side to end, if it was told at all',
        () => !accepted.connected || accepted.ends.length > 0,
      );
      await kit.until('connectionCount to be 0', () => listener.connectionCount === 0);
      assert.ok(accepted.ends.length <= 1);
    },
  ),
  rule('open.abort-inside', 'a side that aborts inside onConnection gets its one onClose', async (kit) => {
    const accepted = new Side();
    const listener = await kit.listen({
      onConnection(connection) {
        connection.abort(new AgentwireError('ERR_INVALID_STATE', 'on second thoughts'));
        return accepted.take(connection);
      },
    });
    const dialled = new Side();
    await kit.connect(listener.address, dialled).catch(() => undefined);
    await kit.until('onClose of the side that aborted', () => accepted.ends.length > 0);
    await kit.until(
      'the dialling side to end, if it was told at all',
      () => !dialled.connected || dialled.ends.length > 0,
    );
    await kit.settle();
    assert.deepEqual(
      [accepted.ends.length, accepted.ends[0]?.by, accepted.ends[0]?.error?.code],
      [1, 'local', 'ERR_INVALID_STATE'],
    );
  }),
];
