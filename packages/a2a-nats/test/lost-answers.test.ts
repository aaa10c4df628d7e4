import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type A2AEndpoint, type KernelMessage, payload, type Target, target } from '@agentwire/a2a-router';
import { startNode, type TestNode, until } from './node.ts';
import { type Relay, startRelay } from './relay.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };
const LOST = { code: 'ERR_CLOSED', retryable: true };

describe.skipIf(!hasServer)(`the node that was asked loses its connection${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  let relay: Relay;
  let nodes: TestNode[];
  let one: A2AEndpoint;
  let two: A2AEndpoint;
  beforeAll(async () => {
    server = await startServer();
  });
  beforeEach(async () => {
    relay = await startRelay(server.port);
    const [a, b] = [await startNode('a', server.url), await startNode('b', relay.url, { reconnectMs: 10 })];
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
    for (const node of nodes) await node.close();
    await relay.close();
  });
  afterAll(() => server.stop());
  const ask = (to: Target): Promise<KernelMessage> => one.request(to, payload.text('?'), LONG);
  const direct = (): Target => target.remoteNode('b', target.process(two.pid));
  const toService = target.service('work');

  it('and the answer with it: the request ends when it is back, of a process and of a service', async () => {
    const asking = [ask(direct()), ask(toService)].map((answer) => expect(answer).rejects.toMatchObject(LOST));
    const messages = [await two.inbox.receive(), await two.inbox.receive()];
    relay.lose('toServer');
    for (const message of messages) expect(await message?.reply(payload.text('lost'))).toMatchObject({ remote: 1 });
    relay.cut();
    await Promise.all(asking);
  });

  it('and the request with it', async () => {
    relay.lose('fromServer');
    const asking = expect(ask(direct())).rejects.toMatchObject(LOST);
    await nodes[0]?.backend.flush();
    relay.cut();
    await asking;
    expect(two.inbox.size).toBe(0);
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
    relay.cut();
    await until(() => nodes[1]?.backend.stats.disconnects === 1 && nodes[1].backend.stats.connected);
    await nodes[1]?.backend.flush();
    // what was asked meanwhile comes after the question what is lost.
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
