import { describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { answerAll, startedInEachTest, until } from './node.ts';
import { hasServer, startCluster, unlessServer } from './server.ts';

describe.skipIf(!hasServer)(`when servers go${unlessServer}`, { timeout: 90_000 }, () => {
  const { start, serve, afterNodes } = startedInEachTest();

  it('requests in flight fail at once when the server is killed, and everything works again when it is back', async () => {
    const server = await serve();
    const [a, b] = [
      await start('a', server.url, { reconnectMs: 20 }),
      await start('b', server.url, { reconnectMs: 20 }),
    ];
    const [one, two] = [a.add('one'), b.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    two.subscribe('news');
    await b.backend.flush();
    const waiting = Promise.allSettled(
      Array.from({ length: 50 }, () => one.request(to, payload.text('?'), { timeoutMs: 60_000 })),
    );
    await until(() => two.inbox.size === 50);
    server.kill('SIGKILL');
    for (const result of await waiting)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED', retryable: true } });
    expect(a.router.pendingRequestCount).toBe(0);
    await until(() => !b.backend.stats.connected);
    await expect(one.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(a.backend.stats).toMatchObject({ connected: false, disconnects: 1 });
    afterNodes((await server.restart()).stop);
    await until(() => a.backend.stats.connected && b.backend.stats.connected);
    await Promise.all([a.backend.flush(), b.backend.flush()]);
    while (two.inbox.poll() !== undefined);
    void answerAll(two, () => payload.text('back'));
    expect(await one.request(to, payload.text('?'))).toMatchObject({ payload: { text: 'back' } });
    expect(await one.publish('news', payload.text('again'))).toMatchObject({ remote: 1 });
  });

  it('three servers: durable messages on all of them, lame duck and kill -9 of the server that a node is on', async () => {
    const servers = await startCluster();
    for (const { stop } of servers) afterNodes(stop);
    const urls = servers.map(({ url }) => url);
    const durable = { replicas: 3 };
    const first = await retry(() => start('a', urls[0] ?? '', { durable, reconnectMs: 20 }));
    const b = await start('b', urls[1] ?? '', { durable, reconnectMs: 20 });
    const [one, two] = [first.add('one'), b.add('two')];
    void answerAll(two, () => payload.text('here'));
    const to = target.remoteNode('b', target.process(two.pid));
    const ask = (): Promise<unknown> => retry(() => one.request(to, payload.text('?'), { timeoutMs: 2000 }));
    await ask();
    const handled = new Set<unknown>();
    const take = (message: { readonly payload: unknown }): void =>
      void handled.add((message.payload as { value?: unknown }).value);
    await retry(() => b.backend.openInbox('orders', take, { backoffMs: [1], ackWaitMs: 1000 }));
    const order = async (n: number): Promise<void> => {
      const inbox = target.remoteNode('b', target.service('orders'));
      await retry(() => one.send(inbox, payload.json(n), { durable: true, idempotencyKey: `n${n}` }));
    };
    for (let n = 0; n < 20; n += 1) await order(n);

    // Lame duck: the server asks its clients to go; the node moves on, and work goes on.
    servers[0]?.kill('SIGUSR2');
    await until(() => first.backend.stats.disconnects > 0 && first.backend.stats.connected);
    await ask();
    for (let n = 20; n < 40; n += 1) await order(n);

    // Kill without a word: the server of the other node.
    servers[1]?.kill('SIGKILL');
    await servers[1]?.gone;
    const back = await servers[1]?.restart();
    if (back !== undefined) afterNodes(back.stop);
    await until(() => b.backend.stats.disconnects > 0 && b.backend.stats.connected);
    await ask();
    for (let n = 40; n < 60; n += 1) await order(n);
    await until(() => handled.size === 60);
  });
});

/** Tries until it works: leaders are being elected and connections made. */
async function retry<T>(action: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await action();
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
