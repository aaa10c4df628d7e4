import assert from 'node:assert/strict';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { AGENT, PROXY } from '../kit/hellos.ts';
import { Side } from '../kit/side.ts';

/** Dialling. */
export const CONNECT_CASES: readonly ComplianceCase[] = [
  rule('connect.dials', 'dials names the roles that may dial, the proxy always', async (kit) => {
    const { dials, schemes, name } = kit.transport;
    assert.ok(name.length > 0 && schemes.length > 0, 'a transport has a name and serves a scheme');
    assert.ok(dials.includes('proxy'), 'a proxy must be able to dial');
    assert.equal(
      dials.includes('agent'),
      kit.subject.features?.reverse !== false,
      'dials and the feature `reverse` differ',
    );
    if (dials.includes('agent')) return;
    const listener = await kit
      .listen({ self: PROXY, onConnection: (connection) => new Side().take(connection) })
      .catch(() => undefined);
    if (listener === undefined) return;
    const attempt = kit.connect(listener.address, new Side(), { self: AGENT });
    await kit.rejects('an agent dialling', attempt, 'ERR_UNSUPPORTED', 'ERR_PROTOCOL', 'ERR_REFUSED');
  }),
  rule(
    'connect.reverse',
    'an agent can dial, and every rule of roles holds as usual',
    async (kit) => {
      const pair = await kit.pair({ reverse: true });
      assert.equal(pair.proxy.connection.peer.role, 'agent');
      assert.equal(pair.agent.connection.peer.role, 'proxy');
      assert.ok(pair.proxy.connection.peer.accepts.has('requestHeaders'));
      await kit.assertAlive(pair);
    },
    'reverse',
  ),
  rule('connect.nobody', 'dialling an address where nobody listens is ERR_CONNECT', async (kit) => {
    const address = await (kit.subject.unusedAddress?.() ?? kit.subject.address());
    const dialled = new Side();
    await kit.rejects('connecting to nobody', kit.connect(address, dialled), 'ERR_CONNECT');
    assert.equal(dialled.connected, false);
  }),
  rule(
    'connect.bad-address',
    'an address of another scheme is ERR_INVALID_ADDRESS, for connect and listen',
    async (kit) => {
      const onConnection = (): never => assert.fail('there is no connection');
      const bad = 'no-such-scheme:somewhere';
      await kit.rejects('connect', kit.connect(bad, new Side()), 'ERR_INVALID_ADDRESS');
      await kit.rejects('listen', kit.transport.listen(bad, { self: AGENT, onConnection }), 'ERR_INVALID_ADDRESS');
    },
  ),
  rule(
    'connect.aborted-before',
    'a signal that is aborted already makes connect fail with ERR_ABORTED',
    async (kit) => {
      const accepted = new Side();
      const listener = await kit.listen({ onConnection: (connection) => accepted.take(connection) });
      const dialled = new Side();
      await kit.rejects(
        'connect',
        kit.connect(listener.address, dialled, { signal: AbortSignal.abort() }),
        'ERR_ABORTED',
      );
      await kit.settle();
      assert.deepEqual([dialled.connected, accepted.connected], [false, false]);
    },
  ),
  rule(
    'connect.aborted-during',
    'a signal ends an attempt with ERR_ABORTED',
    async (kit) => {
      const asked = Promise.withResolvers<void>();
      const listener = await kit.listen({
        authorize() {
          asked.resolve();
          return new Promise(() => undefined);
        },
        onConnection: () => assert.fail('nobody was let in'),
      });
      const abort = new AbortController();
      const attempt = kit.connect(listener.address, new Side(), { signal: abort.signal });
      await kit.settled('authorize', asked.promise);
      abort.abort();
      await kit.rejects('connect', attempt, 'ERR_ABORTED');
    },
    'authorize',
  ),
  rule('connect.signal-after', 'the signal has no effect once connected', async (kit) => {
    const [accepted, dialled] = [new Side(), new Side()];
    const listener = await kit.listen({ onConnection: (connection) => accepted.take(connection) });
    const abort = new AbortController();
    await kit.connect(listener.address, dialled, { signal: abort.signal });
    await kit.until('the accepting side', () => accepted.connected);
    abort.abort();
    await kit.settle();
    await kit.assertAlive({ proxy: dialled, agent: accepted });
  }),
  rule(
    'connect.deadline',
    "the dialling side's handshake deadline is ERR_TIMEOUT",
    async (kit) => {
      const asked = Promise.withResolvers<void>();
      const listener = await kit.listen({
        handshakeTimeoutMs: 60_000,
        authorize() {
          asked.resolve();
          return new Promise(() => undefined);
        },
        onConnection: () => assert.fail('nobody was let in'),
      });
      let over = false;
      const attempt = kit.connect(listener.address, new Side(), { handshakeTimeoutMs: 500 });
      void attempt.catch(() => (over = true));
      await kit.settled('authorize', asked.promise);
      kit.clock.advance(499);
      await kit.settle();
      assert.equal(over, false, 'the deadline is not there yet');
      kit.clock.advance(2000);
      await kit.rejects('connect', attempt, 'ERR_TIMEOUT');
    },
    'authorize',
    'clock',
  ),
  rule(
    'connect.deadline-over',
    'the deadlines of a handshake mean nothing once connected',
    async (kit) => {
      const pair = await kit.pair();
      kit.clock.advance(15_000);
      await kit.settle();
      await kit.assertAlive(pair);
    },
    'clock',
  ),
];
