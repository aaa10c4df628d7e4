import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type A2AEndpoint, type KernelMessage, payload, type Target, target } from '@agentwire/a2a-router';
import { startedInEachTest, type TestNode, until } from './node.ts';
import { type Relay, startRelay } from './relay.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };
const OFTEN = { presenceIntervalMs: 100 };
const LOST = { code: 'ERR_CLOSED', retryable: true };

describe.skipIf(!hasServer)(`the node that was asked loses its connection${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  let relay: Relay;
  let nodes: TestNode[];
  const { start, afterNodes } = startedInEachTest();
  let one: A2AEndpoint;
  let two: A2AEndpoint;
  beforeAll(async () => {
    server = await startServer();
  });
  beforeEach(async () => {
    relay = await startRelay(server.port);
    afterNodes(() => relay.close());
    const [a, b] = [await start('a', server.url, OFTEN), await start('b', relay.url, { reconnectMs: 10, ...OFTEN })];
    nodes = [a, b];
    one = a.add('one');
    two = b.add('two');
    two.provide('work');
    await b.backend.flush();
    // a loss is told by the next announcement of a node that is known.
    await until(() => a.backend.nodes().some(({ nodeId }) => nodeId === 'b'));
  });
  afterEach(async () => {
    expect(nodes[0]?.router.pendingRequestCount).toBe(0);
  });
  afterAll(() => server.stop());
  const ask = (to: Target): Promise<KernelMessage> => one.request(to, payload.text('?'), LONG);
  const direct = (): Target => target.remoteNode('b', target.process(two.pid));
  const toService = target.service('work');
  const serving = (name: string): number =>
    nodes[0]?.backend.nodes().filter(({ services }) => services.some((service) => service.name === name)).length ?? 0;

  it('and the answer with it: the request ends when it is back, of a process and of a service', async () => {
    const asking = [ask(direct()), ask(toService)].map((answer) => expect(answer).rejects.toMatchObject(LOST));
    const messages = [await two.inbox.receive(), await two.inbox.receive()];
    relay.lose('toServer');
    for (const message of messages) expect(await message?.reply(payload.text('lost'))).toMatchObject({ remote: 1 });
    relay.cut();
    await Promise.all(asking);
  });

  it('and the request with it, to a process and to a service', async () => {
    relay.lose('fromServer');
    const asking = [ask(direct()), ask(toService)].map((answer) => expect(answer).rejects.toMatchObject(LOST));
    await nodes[0]?.backend.flush();
    relay.cut();
    await Promise.all(asking);
    expect(two.inbox.size).toBe(0);
  });

  it('and does not come back: what it may have had ends, and what another node has of the service does not', async () => {
    const c = await start('c', server.url, OFTEN);
    const three = c.add('three');
    three.provide('work');
    await c.backend.flush();
    await until(() => serving('work') === 2);
    relay.lose('fromServer');
    // a queue group gives a request to any of its members
    const outcomes: string[] = [];
    const asking = Array.from({ length: 40 }, async () => {
      const { payload: body } = await ask(toService).catch((error: unknown) => {
        expect(error).toMatchObject(LOST);
        return { payload: payload.text('lost') };
      });
      outcomes.push(body.kind === 'text' ? body.text : '');
    });
    await nodes[0]?.backend.flush();
    await c.backend.flush();
    const held = three.inbox.size;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(40);
    relay.cut(true);
    await until(() => outcomes.length === 40 - held);
    expect(outcomes.every((outcome) => outcome === 'lost')).toBe(true);
    for (let n = 0; n < held; n += 1) await (await three.inbox.receive())?.reply(payload.text('here'));
    await Promise.all(asking);
    expect(outcomes.filter((outcome) => outcome === 'here')).toHaveLength(held);
  });

  it('and the request waits while a node that serves cannot be told from another one of its name', async () => {
    const [c, twin] = [await start('c', server.url, OFTEN), await start('c', server.url, OFTEN)];
    await until(() => nodes[0]?.backend.nodes().some(({ nodeId, conflict }) => nodeId === 'c' && conflict) === true);
    for (const node of [c, twin]) node.add('three').provide('work');
    await until(() => serving('work') === 2);
    relay.lose('fromServer');
    const asking = one.request(toService, payload.text('?'), { timeoutMs: 1500 });
    await nodes[0]?.backend.flush();
    relay.cut();
    await expect(asking).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('and answers before it is back: the one who answers and the one who asked are told', async () => {
    const asking = [ask(direct()), ask(toService)].map((answer) => expect(answer).rejects.toMatchObject(LOST));
    const messages = [await two.inbox.receive(), await two.inbox.receive()];
    relay.cut(true);
    await until(() => nodes[1]?.backend.stats.connected === false);
    for (const message of messages)
      await expect(message?.reply(payload.text('early'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    relay.open();
    await Promise.all(asking);
    expect(messages.map((message) => message?.signal.aborted)).toEqual([true, true]);
  });

  it('and still has the request: its answer comes', async () => {
    const asking = [ask(direct()), ask(toService)];
    const messages = [await two.inbox.receive(), await two.inbox.receive()];
    relay.lose('fromServer');
    const lost = expect(ask(toService)).rejects.toMatchObject(LOST);
    await nodes[0]?.backend.flush();
    relay.cut();
    // by then the node was asked for all of them.
    await lost;
    const later = ask(toService);
    const last = await two.inbox.receive();
    for (const message of [...messages, last]) await message?.reply(payload.text('here'));
    expect(await Promise.all([...asking, later])).toMatchObject([
      { from: two.pid },
      { from: two.pid },
      { from: two.pid },
    ]);
  });
});
