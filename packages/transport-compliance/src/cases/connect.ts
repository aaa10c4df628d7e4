import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import { AgentwireError } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { AGENT, PROXY } from '../kit/hellos.ts';
import { Side } from '../kit/side.ts';

const HOUR_MS = 3_600_000;

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
  rule('connect.no-listener', 'dialling an address without a listener is ERR_CONNECT', async (kit) => {
    const address = await (kit.subject.unusedAddress?.() ?? kit.subject.address());
    const dialled = new Side();
    await kit.rejects('connecting without a listener', kit.connect(address, dialled), 'ERR_CONNECT');
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
        onConnection: () => assert.fail('a peer was admitted'),
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
  rule('connect.signal-listeners', 'an attempt that is over leaves no listener on its signal', async (kit) => {
    const { signal } = new AbortController();
    const left = (after: string): void =>
      assert.equal(
        getEventListeners(signal, 'abort').length,
        0,
        `abort listeners are left on the signal after ${after}`,
      );
    const listener = await kit.listen({ onConnection: (connection) => new Side().take(connection) });
    await kit.connect(listener.address, new Side(), { signal });
    left('a connection');
    const refusing = await kit.listen({
      onConnection() {
        throw new AgentwireError('ERR_OVERLOADED', 'full');
      },
    });
    await kit.rejects('a refused attempt', kit.connect(refusing.address, new Side(), { signal }));
    left('a refusal');
    const address = await (kit.subject.unusedAddress?.() ?? kit.subject.address());
    await kit.rejects('connecting without a listener', kit.connect(address, new Side(), { signal }));
    left('a failed dial');
  }),
  rule(
    'connect.secret',
    'no error of an attempt contains the token',
    async (kit) => {
      const token = 'a-token-that-stays-secret';
      const self = { ...PROXY, token };
      const check = async (what: string, attempt: Promise<unknown>): Promise<void> => {
        const error = await kit.rejects(what, attempt);
        const shown = `${inspect(error, { depth: 8, showHidden: true })} ${JSON.stringify(error)}`;
        assert.ok(!shown.includes(token), `the error of ${what} shows the token`);
      };
      const unused = await (kit.subject.unusedAddress?.() ?? kit.subject.address());
      await check('a failed dial', kit.connect(unused, new Side(), { self }));
      const refusing = await kit.listen({
        authorize() {
          throw new AgentwireError('ERR_UNAUTHORIZED', 'not on the list');
        },
        onConnection: (connection) => new Side().take(connection),
      });
      await check('a refusal', kit.connect(refusing.address, new Side(), { self }));
      await check(
        'an aborted attempt',
        kit.connect(refusing.address, new Side(), { self, signal: AbortSignal.abort() }),
      );
      const other = { ...self, protocolVersions: [3] };
      const listener = await kit.listen({ onConnection: (connection) => new Side().take(connection) });
      await check('another version', kit.connect(listener.address, new Side(), { self: other }));
      const wrong = { ...PROXY, token: `${token} with spaces` };
      await check('a token that cannot be one', kit.connect(refusing.address, new Side(), { self: wrong }));
    },
    'authorize',
  ),
  rule(
    'connect.deadline',
    "the dialling side's handshake deadline is ERR_TIMEOUT, on the clock that create was given",
    async (kit) => {
      const asked = Promise.withResolvers<void>();
      const listener = await kit.listen({
        handshakeTimeoutMs: 24 * HOUR_MS,
        authorize() {
          asked.resolve();
          return new Promise(() => undefined);
        },
        onConnection: () => assert.fail('a peer was admitted'),
      });
      let over = false;
      // an hour of the clock: a deadline on real time would not come
      const attempt = kit.connect(listener.address, new Side(), { handshakeTimeoutMs: HOUR_MS });
      void attempt.catch(() => (over = true));
      await kit.settled('authorize', asked.promise);
      kit.clock.advance(HOUR_MS - 1);
      await kit.settle();
      assert.equal(over, false, 'the deadline is not there yet');
      kit.clock.advance(2000);
      await kit.gone(() => (over ? undefined : 'connect goes on past its deadline on the clock of create'));
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
