import assert from 'node:assert/strict';
import { AgentwireError, ERROR_CODES, type Credential, type ErrorCode, type Hello } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { AGENT, PROXY } from '../kit/hellos.ts';
import { Side } from '../kit/side.ts';

const HOUR_MS = 3_600_000;
/** Codes that a refusal keeps on its way; any other may arrive as ERR_REFUSED. */
const KEPT_CODES: readonly ErrorCode[] = ['ERR_UNAUTHORIZED', 'ERR_OVERLOADED', 'ERR_DRAINING'];

/** Authorization of peers. */
export const AUTHORIZE_CASES: readonly ComplianceCase[] = [
  rule(
    'authorize.facts',
    'authorize sees the hello and the token, before onConnection',
    async (kit) => {
      const log: string[] = [];
      let seen: { peer: Hello; credential: Credential } | undefined;
      const accepted = new Side();
      const listener = await kit.listen({
        authorize(peer, credential) {
          log.push('authorize');
          seen = { peer, credential };
        },
        onConnection(connection) {
          log.push('onConnection');
          return accepted.take(connection);
        },
      });
      await kit.connect(listener.address, new Side());
      await kit.until('the accepting side', () => accepted.connected);
      assert.deepEqual(log, ['authorize', 'onConnection']);
      const { opener = 'proxy' } = kit.subject;
      const expected = [opener, kit.dialling.name, kit.dialling.token];
      assert.deepEqual([seen?.peer.role, seen?.peer.name, seen?.credential.token], expected);
    },
    'authorize',
  ),
  rule(
    'authorize.throw',
    'a throw of authorize refuses the peer',
    async (kit) => {
      const accepted = new Side();
      const listener = await kit.listen({
        authorize() {
          throw new AgentwireError('ERR_UNAUTHORIZED', 'not on the list');
        },
        onConnection: (connection) => accepted.take(connection),
      });
      const dialled = new Side();
      const failure = await kit.rejects(
        'connecting',
        kit.connect(listener.address, dialled),
        'ERR_UNAUTHORIZED',
        'ERR_REFUSED',
      );
      if (kit.subject.features?.refusals !== false) assert.match(failure.message, /not on the list/);
      assert.equal(accepted.connected, false, 'onConnection ran for a peer that was not admitted');
      assert.deepEqual([dialled.connected, listener.connectionCount], [false, 0]);
    },
    'authorize',
  ),
  rule(
    'authorize.code',
    'a refusal by authorize or onConnection keeps its code, where it is ERR_UNAUTHORIZED, ERR_OVERLOADED or ERR_DRAINING',
    async (kit) => {
      for (const by of ['authorize', 'onConnection'] as const) {
        for (const code of KEPT_CODES) {
          const refuse = (): never => {
            throw new AgentwireError(code, `refused with ${code}`);
          };
          const onConnection = by === 'onConnection' ? refuse : (): never => assert.fail('the peer was admitted');
          const listener = await kit.listen(
            by === 'authorize' ? { authorize: refuse, onConnection } : { onConnection },
          );
          const failure = await kit.rejects(`a refusal by ${by}`, kit.connect(listener.address, new Side()), code);
          assert.equal(failure.retryable, ERROR_CODES[code].retryable, `${code} is retryable as documented`);
        }
      }
    },
    'authorize',
    'refusals',
  ),
  rule(
    'authorize.reject',
    'a later rejection of authorize refuses the peer',
    async (kit) => {
      const accepted = new Side();
      const listener = await kit.listen({
        async authorize() {
          await kit.settle();
          throw new Error('a plain error');
        },
        onConnection: (connection) => accepted.take(connection),
      });
      const dialled = new Side();
      await kit.rejects('connecting', kit.connect(listener.address, dialled), 'ERR_UNAUTHORIZED', 'ERR_REFUSED');
      assert.equal(accepted.connected, false, 'onConnection ran for a peer that was not admitted');
      assert.equal(dialled.connected, false);
    },
    'authorize',
  ),
  rule(
    'authorize.later',
    'nothing happens before authorize has decided, and everything after',
    async (kit) => {
      const decision = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const [accepted, dialled] = [new Side(), new Side()];
      const listener = await kit.listen({
        authorize() {
          asked.resolve();
          return decision.promise;
        },
        onConnection: (connection) => accepted.take(connection),
      });
      const attempt = kit.connect(listener.address, dialled);
      await kit.settled('authorize', asked.promise);
      await kit.settle();
      assert.deepEqual([accepted.connected, dialled.connected], [false, false]);
      decision.resolve();
      await kit.settled('connect', attempt);
      await kit.until('the accepting side', () => accepted.connected);
      await kit.assertAlive({ proxy: dialled, agent: accepted });
    },
    'authorize',
  ),
  rule(
    'authorize.one-at-a-time',
    'a peer that authorize keeps waiting delays no other',
    async (kit) => {
      const listener = await kit.listen({
        authorize: (peer) => (peer.name === 'slow' ? new Promise(() => undefined) : undefined),
        onConnection: (connection) => new Side().take(connection),
      });
      void kit.connect(listener.address, new Side(), { self: { ...PROXY, name: 'slow' } });
      const dialled = new Side();
      await kit.settled('the second peer', kit.connect(listener.address, dialled));
      assert.equal(dialled.connection.status, 'open');
    },
    'authorize',
  ),
  rule(
    'authorize.peer-left',
    "authorize's signal is aborted when the peer leaves; a later allow is ignored",
    async (kit) => {
      const accepted = new Side();
      const decision = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<AbortSignal>();
      const listener = await kit.listen({
        authorize(_peer, _credential, signal) {
          asked.resolve(signal);
          return decision.promise;
        },
        onConnection: (connection) => accepted.take(connection),
      });
      const abort = new AbortController();
      const attempt = kit.connect(listener.address, new Side(), { signal: abort.signal });
      const signal = await kit.settled('authorize', asked.promise);
      assert.equal(signal.aborted, false);
      abort.abort();
      await kit.rejects('the aborted connect', attempt, 'ERR_ABORTED');
      await kit.until("authorize's signal", () => signal.aborted);
      decision.resolve();
      await kit.settle();
      assert.equal(accepted.connected, false, 'onConnection ran for a peer that was not admitted');
      assert.equal(listener.connectionCount, 0);
    },
    'authorize',
  ),
  rule(
    'authorize.deadline',
    "authorize's signal is aborted at the handshake's deadline; a later allow is ignored",
    async (kit) => {
      const accepted = new Side();
      const decision = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<AbortSignal>();
      const listener = await kit.listen({
        self: AGENT,
        // an hour of the clock: a deadline on real time would not come
        handshakeTimeoutMs: HOUR_MS,
        authorize(_peer, _credential, signal) {
          asked.resolve(signal);
          return decision.promise;
        },
        onConnection: (connection) => accepted.take(connection),
      });
      const attempt = kit.connect(listener.address, new Side(), { handshakeTimeoutMs: 24 * HOUR_MS });
      const signal = await kit.settled('authorize', asked.promise);
      kit.clock.advance(HOUR_MS - 1);
      assert.equal(signal.aborted, false, 'the deadline is not there yet');
      // a transport may check its deadlines with one coarse sweep
      kit.clock.advance(2000);
      await kit.gone(() =>
        signal.aborted ? undefined : 'the handshake goes on past its deadline on the clock of create',
      );
      await kit.rejects('connect', attempt, 'ERR_TIMEOUT', 'ERR_REFUSED', 'ERR_CONNECT', 'ERR_CLOSED');
      decision.resolve();
      await kit.settle();
      assert.equal(accepted.connected, false, 'onConnection ran for a peer that was not admitted');
      assert.equal(listener.connectionCount, 0);
    },
    'authorize',
    'clock',
  ),
];
