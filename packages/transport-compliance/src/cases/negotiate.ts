import assert from 'node:assert/strict';
import type { Message } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { AGENT, CAPABILITIES, PROXY } from '../kit/hellos.ts';
import { requestHeaders } from '../kit/samples.ts';
import { Side } from '../kit/side.ts';

/** Facts that two sides learn of each other and negotiate. */
export const NEGOTIATE_CASES: readonly ComplianceCase[] = [
  rule('open.peer', "peer has the other side's hello, without its token, and what both negotiated", async (kit) => {
    const { proxy, agent } = await kit.pair();
    const [seen, known] = [proxy.connection.peer, agent.connection.peer];
    assert.deepEqual([seen.role, seen.name], ['agent', AGENT.name]);
    assert.deepEqual([known.role, known.name], ['proxy', PROXY.name]);
    assert.deepEqual([seen.token, known.token], [undefined, undefined], 'a peer must not keep a token');
    assert.equal(seen.ids, known.ids);
    assert.equal(seen.encoding, known.encoding);
    assert.equal(seen.dialect, known.dialect);
    assert.ok(seen.maxMessageBytes >= 64 * 1024 && known.maxMessageBytes >= 64 * 1024, 'at least 64 KiB a message');
    assert.ok(seen.accepts.has('requestHeaders') && !seen.accepts.has('answer'), 'a proxy sends events, not answers');
    assert.ok(
      known.accepts.has('answer') && !known.accepts.has('requestHeaders'),
      'an agent sends answers, not events',
    );
  }),
  rule(
    'open.capabilities',
    "the proxy learns the agent's capabilities",
    async (kit) => {
      const { proxy } = await kit.pair();
      const seen = proxy.connection.peer.capabilities;
      assert.deepEqual(seen?.events.toSorted(), CAPABILITIES.events.toSorted());
      assert.equal(seen?.streaming, true);
      assert.equal(seen?.cancellation, true);
    },
    'capabilities',
  ),
  rule(
    'open.features',
    'only features that both sides offered are negotiated, and they decide which messages may be sent',
    async (kit) => {
      const { proxy, agent } = await kit.pair({
        proxy: { features: ['health', 'log'] },
        agent: { features: ['log', 'metrics'] },
      });
      const { features, accepts } = agent.connection.peer;
      assert.ok(!features.includes('health') && !features.includes('metrics'), `negotiated ${features.join(', ')}`);
      assert.ok(!accepts.has('metricsReport') && !accepts.has('healthStatus'), 'no reports without their features');
      assert.ok(!proxy.connection.peer.accepts.has('configure'), 'no Configure without config_push');
    },
  ),
  rule(
    'open.encoding',
    'only an encoding that both sides offered is spoken, in the order of the proxy',
    async (kit) => {
      const [json, msgpack] = [['json'], ['msgpack', 'json']];
      for (const [proxy, agent, expected] of [
        [json, msgpack, 'json'],
        [msgpack, json, 'json'],
        [['json', 'msgpack'], msgpack, 'json'],
      ] as const) {
        const pair = await kit.pair({ proxy: { encodings: proxy }, agent: { encodings: agent } });
        const { encoding } = pair.proxy.connection.peer;
        const offers = `the proxy offered ${proxy.join(', ')}, the agent ${agent.join(', ')}`;
        assert.equal(pair.agent.connection.peer.encoding, encoding, `the two sides differ; ${offers}`);
        // a medium with an encoding of its own has nothing to negotiate
        if (encoding === 'json' || encoding === 'msgpack') assert.equal(encoding, expected, offers);
        await kit.carry(pair.proxy, pair.agent, requestHeaders(kit.id(pair.proxy, 1)));
      }
    },
  ),
  rule(
    'open.unsupported',
    'sending a message that the peer does not accept throws ERR_UNSUPPORTED and harms nothing',
    async (kit) => {
      const pair = await kit.pair({ proxy: { features: [] } });
      const refused: Message = { type: 'configure', id: kit.id(pair.proxy, 1), config: {} };
      kit.throws('sending configure without config_push', () => pair.proxy.connection.send(refused), 'ERR_UNSUPPORTED');
      const answer: Message = { type: 'bodyMutation', id: kit.id(pair.agent, 1), index: 0, data: null };
      kit.throws('sending bodyMutation', () => pair.agent.connection.send(answer), 'ERR_UNSUPPORTED');
      await kit.assertAlive(pair);
      assert.equal(pair.agent.received.length, 1);
    },
  ),
  rule('open.version', 'sides that share no protocol version do not connect, and the error says so', async (kit) => {
    const accepted = new Side();
    const listener = await kit.listen({ onConnection: (connection) => accepted.take(connection) });
    const attempt = kit.connect(listener.address, new Side(), { self: { ...PROXY, protocolVersions: [3] } });
    const failure = await kit.rejects('connecting with version 3', attempt, 'ERR_VERSION_MISMATCH', 'ERR_REFUSED');
    assert.match(failure.message, /version/i);
    await kit.settle();
    assert.equal(accepted.connected, false);
  }),
  rule(
    'open.role',
    'two sides of one role do not connect',
    async (kit) => {
      const accepted = new Side();
      const dialled = new Side();
      const listener = await kit.listen({ self: PROXY, onConnection: (connection) => accepted.take(connection) });
      await kit.rejects(
        'a proxy connecting to a proxy',
        kit.connect(listener.address, dialled),
        'ERR_PROTOCOL',
        'ERR_REFUSED',
        'ERR_UNSUPPORTED',
      );
      await kit.settle();
      assert.deepEqual([accepted.connected, dialled.connected], [false, false]);
    },
    'reverse',
  ),
];
