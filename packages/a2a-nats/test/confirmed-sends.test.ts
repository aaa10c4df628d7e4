import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '@agentwire/core/testing';
import { type A2AEndpoint, payload, target } from '@agentwire/a2a-router';
import { ConfirmedSends } from '../src/confirmed-sends.ts';
import { startedInEachTest, type TestNode, until } from './node.ts';
import { type Relay, startRelay } from './relay.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const OFTEN = { presenceIntervalMs: 100, reconnectMs: 10 };
/** Time after which a send that no node confirms ends by itself; each of these ends long before it. */
const LIMIT_MS = 5000;

describe.skipIf(!hasServer)(
  `a send to a service that is full here, and the node that it goes to loses its connection${unlessServer}`,
  { timeout: 20_000 },
  () => {
    let server: TestServer;
    let relayA: Relay;
    let relayB: Relay;
    let nodes: TestNode[];
    const { start, afterNodes } = startedInEachTest();
    let one: A2AEndpoint;
    let here: A2AEndpoint;
    let there: A2AEndpoint;
    const to = target.service('work');
    beforeAll(async () => {
      server = await startServer();
    });
    beforeEach(async () => {
      [relayA, relayB] = [await startRelay(server.port), await startRelay(server.port)];
      for (const { close } of [relayA, relayB]) afterNodes(close);
      const [a, b] = [await start('a', relayA.url, OFTEN), await start('b', relayB.url, OFTEN)];
      nodes = [a, b];
      one = a.add('one');
      const own = ({ router }: TestNode): A2AEndpoint => {
        const worker = router.register(router.processTable.insert({ agentId: 'worker' }), { capacity: 1 });
        worker.provide('work');
        return worker;
      };
      [here, there] = [own(a), own(b)];
      await b.backend.flush();
      // a loss is told by the next announcement of a node that is known.
      await until(() => a.backend.nodes().some(({ nodeId, services }) => nodeId === 'b' && services.length === 1));
      await one.send(to, payload.text('fills the inbox here'));
    });
    afterEach(async () => {
      relayB.open();
    });
    afterAll(() => server.stop());
    const within = async <T>(ends: Promise<T>): Promise<T> => {
      const started = performance.now();
      try {
        return await ends;
      } finally {
        expect(performance.now() - started).toBeLessThan(LIMIT_MS - 1000);
      }
    };

    it('and the message with it: it is refused as full once every node says that it does not have it', async () => {
      relayB.lose('fromServer');
      const sending = expect(within(one.send(to, payload.text('lost')))).rejects.toMatchObject({
        code: 'ERR_INBOX_FULL',
      });
      await nodes[0]?.backend.flush();
      relayB.cut();
      await sending;
      expect(there.inbox.size).toBe(0);
    });

    it('and the message with it, while the service has room here again: it is delivered here', async () => {
      relayB.lose('fromServer');
      const sending = within(one.send(to, payload.text('lost')));
      await nodes[0]?.backend.flush();
      await here.inbox.receive();
      relayB.cut();
      expect(await sending).toMatchObject({ delivered: 1, remote: 0 });
      expect([here.inbox.size, there.inbox.size]).toEqual([1, 0]);
    });

    it('and the confirmation with it: that a process has it is told again', async () => {
      relayB.lose('toServer');
      const sending = within(one.send(to, payload.text('taken')));
      await until(() => there.inbox.size === 1);
      relayB.cut();
      expect(await sending).toMatchObject({ delivered: 0, remote: 1 });
      expect([here.inbox.size, there.inbox.size]).toEqual([1, 1]);
    });

    it('and does not come back: a process there may have it, so it is given to no other one', async () => {
      relayB.lose('toServer');
      const sending = expect(within(one.send(to, payload.text('taken')))).rejects.toMatchObject({
        code: 'ERR_CLOSED',
      });
      await until(() => there.inbox.size === 1);
      await here.inbox.receive();
      relayB.cut(true);
      await sending;
      expect(here.inbox.size).toBe(0);
    });

    it('or this one does: a process there may have it, so it is given to no other one', async () => {
      relayB.lose('toServer');
      const sending = expect(within(one.send(to, payload.text('taken')))).rejects.toMatchObject({
        code: 'ERR_CLOSED',
      });
      await until(() => there.inbox.size === 1);
      await here.inbox.receive();
      relayA.cut();
      await sending;
      expect(here.inbox.size).toBe(0);
      relayB.cut();
      await until(() => nodes.every(({ backend: { stats } }) => stats.connected && stats.disconnects > 0));
    });

    it('or there is no connection at all: it is refused as full', async () => {
      relayA.cut(true);
      await until(() => nodes[0]?.backend.stats.connected === false);
      await expect(one.send(to, payload.text('stays'))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
      relayA.open();
    });
  },
);

describe.skipIf(!hasServer)(`a send to a service that is full here${unlessServer}`, { timeout: 20_000 }, () => {
  const { start, serve, afterNodes } = startedInEachTest({ flush: true, mayFail: true });

  it('ends after 5 s when no node answers for it', async () => {
    const server = await serve();
    const relay = await startRelay(server.port);
    afterNodes(relay.close);
    const clock = createManualClock();
    const [a, b] = [await start('a', server.url, { clock }), await start('b', relay.url, OFTEN)];
    for (const { router } of [a, b])
      router.register(router.processTable.insert({ agentId: 'worker' }), { capacity: 1 }).provide('work');
    await b.backend.flush();
    const [one, to] = [a.add('one'), target.service('work')];
    await one.send(to, payload.text('fills the inbox here'));
    relay.lose('fromServer');
    let ended = false;
    const sending = one.send(to, payload.text('lost')).finally(() => (ended = true));
    const late = expect(sending).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await a.backend.flush();
    clock.advance(4999);
    await a.backend.flush();
    expect(ended).toBe(false);
    clock.advance(1);
    await late;
  });
});

describe('sends that are to be confirmed', () => {
  it('are known until they are refused, or ten seconds old', () => {
    const clock = createManualClock();
    const sends = new ConfirmedSends(clock);
    sends.add('b', '1', 'reply');
    expect([sends.find('b', '1').state, sends.find('c', '1').state]).toEqual(['unsure', 'absent']);
    sends.taken('b', '1');
    expect(sends.find('b', '1')).toEqual({ state: 'taken', replyTo: 'reply' });
    sends.add('b', '2', undefined);
    sends.refused('b', '2');
    expect(sends.find('b', '2').state).toBe('absent');
    clock.advance(10_000);
    sends.add('b', '3', undefined);
    expect([sends.find('b', '1').state, sends.size]).toEqual(['absent', 1]);
  });

  it('are 10 000 at most, and while one of them may have been forgotten too early none is called absent', () => {
    const clock = createManualClock();
    const sends = new ConfirmedSends(clock);
    for (let n = 0; n < 10_001; n += 1) sends.add('b', String(n), undefined);
    expect([sends.size, sends.find('b', '0').state, sends.find('b', 'other').state]).toEqual([
      10_000,
      'unsure',
      'unsure',
    ]);
    clock.advance(10_000);
    expect(sends.find('b', 'other').state).toBe('absent');
  });
});
