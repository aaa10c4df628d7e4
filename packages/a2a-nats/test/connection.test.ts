import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { formatPermissions, nodePermissions } from '../src/index.ts';
import { answerAll, startedInEachTest, startNode, until } from './node.ts';
import { hasServer, isStopped, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };

describe.skipIf(!hasServer)(`the connection of a node${unlessServer}`, { timeout: 30_000 }, () => {
  const { start, serve, afterNodes } = startedInEachTest({ flush: true, mayFail: true });

  it('is made again without a limit, also after the server refused the password again and again', async () => {
    const server = await serve();
    const node = await start('a', server.url, { reconnectMs: 10 });
    server.kill('SIGKILL');
    await server.gone;
    let refusals = 0;
    const refusing = await listenOn(server.port, () => (refusals += 1));
    await until(() => refusals >= 6);
    await new Promise((resolve) => refusing.close(resolve));
    afterNodes((await server.restart()).stop);
    await until(() => node.backend.stats.connected);
    await node.backend.flush();
    expect(node.backend.stats.disconnects).toBe(1);
  });

  it('tells two processes of one name of each other', async () => {
    const server = await serve();
    const [first, second, other] = [
      await start('a', server.url),
      await start('a', server.url),
      await start('b', server.url),
    ];
    await until(() => first.backend.stats.nameConflicts === 1 && second.backend.stats.nameConflicts === 1);
    expect(other.backend.stats.nameConflicts).toBe(0);
  });

  it('is closed in time, by one promise, when the server has stopped, and lost when its pings stay out', async () => {
    const server = await serve();
    const [a, b] = [
      await start('a', server.url, { closeTimeoutMs: 200 }),
      await start('b', server.url, { pingIntervalMs: 100 }),
    ];
    server.kill('SIGSTOP');
    // the signal takes effect later
    await until(() => isStopped(server));
    const closing = a.backend.close();
    expect(a.backend.close()).toBe(closing);
    await expect(closing).rejects.toMatchObject({ code: 'ERR_TIMEOUT', detail: { closeTimeoutMs: 200 } });
    await until(() => b.backend.stats.disconnects > 0);
    server.kill('SIGCONT');
  });

  it('holds a bounded number of bytes for a server that does not read, and goes on once it does', async () => {
    const server = await serve();
    const maxUnsentBytes = 4 * 1024 * 1024;
    const [a, b] = [
      await start('a', server.url, { maxUnsentBytes, durable: { inboxes: ['orders'] } }),
      await start('b', server.url),
    ];
    const [one, two] = [a.add('one'), b.add('two')];
    const there = target.remoteNode('b', target.process(two.pid));
    await one.send(there, payload.text('first'));
    await two.inbox.receive();
    server.kill('SIGSTOP');
    const text = 'x'.repeat(100_000);
    const bytes = await fill(async () => (await one.send(there, payload.text(text)), text.length));
    // what the system holds for the sockets is the server's to read, and is not known to it yet.
    expect(bytes).toBeGreaterThan(maxUnsentBytes - 2 * text.length);
    expect(bytes).toBeLessThanOrEqual(maxUnsentBytes);
    const durable = one.send(target.remoteNode('a', target.service('orders')), payload.text(text), { durable: true });
    await expect(durable).rejects.toMatchObject({ code: 'ERR_OVERLOADED', retryable: true });
    server.kill('SIGCONT');
    await a.backend.flush();
    await until(() => two.inbox.size > bytes / text.length - 1);
    await one.send(there, payload.text('last'));
  });

  it('lets nothing pass for sent that the server refused', async () => {
    const users = ['a', 'b'].map(
      (name) => `{ user: ${name}, pass: x, ${formatPermissions(nodePermissions(name, { durable: name === 'b' }))} }`,
    );
    const server = await serve(`authorization { users: [ ${users.join(', ')}, { user: admin, pass: x } ] }`);
    const as = (user: string): { auth: { user: string; pass: string } } => ({ auth: { user, pass: 'x' } });
    await (await startNode('b', server.url, { durable: { inboxes: ['orders'] }, ...as('admin') })).close();
    const [a, b] = [await start('a', server.url, as('a')), await start('b', server.url, as('b'))];
    const [one, two] = [a.add('one'), b.add('two')];
    const refused = expect.objectContaining({ code: 'ERR_UNAUTHORIZED' }) as unknown;
    for (const to of [target.service('s'), target.topic('t'), target.remoteNode('b', target.service('s'))])
      for (let n = 0; n < 2; n += 1) {
        await expect(one.send(to, payload.text('x'))).rejects.toEqual(refused);
        await expect(one.request(to, payload.text('?'), LONG)).rejects.toEqual(refused);
      }
    await expect(
      Promise.allSettled(Array.from({ length: 3 }, () => one.publish('t', payload.text('x')))),
    ).resolves.toMatchObject(Array.from({ length: 3 }, () => ({ status: 'rejected' })));
    expect(await one.send(target.remoteNode('b', target.process(two.pid)), payload.text('x'))).toMatchObject({
      remote: 1,
    });
    expect(await two.inbox.receive()).toMatchObject({ fromNode: 'a' });
    expect(a.router.pendingRequestCount).toBe(0);
  });

  it('is left without losing a request of the services that were in hand or on their way', async () => {
    const server = await serve();
    const a = await start('a', server.url);
    const one = a.add('one');
    const others = [await start('b', server.url), await start('c', server.url)];
    for (const node of others) {
      const worker = node.add('worker');
      worker.provide('work');
      await node.backend.flush();
      void answerAll(worker, () => payload.text(node.backend.nodeId));
    }
    const ask = (): Promise<unknown> => one.request(target.service('work'), payload.text('?'), LONG);
    const early = Array.from({ length: 30 }, ask);
    const closing = others[0]?.backend.close();
    const late = Array.from({ length: 30 }, ask);
    expect(await Promise.all([...early, ...late])).toHaveLength(60);
    await closing;
    await others[1]?.router.close();
    await others[1]?.backend.flush();
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_NO_RESPONDERS' });
  });

  it('is left by telling those who wait that there will be no answer', async () => {
    const server = await serve();
    const [a, b] = [await start('a', server.url), await start('b', server.url, { closeTimeoutMs: 100 })];
    const [one, two] = [a.add('one'), b.add('two')];
    const asking = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
    const outcome = expect(asking).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await two.inbox.receive();
    await b.backend.close();
    await outcome;
  });
});

/** A server that says it is one of NATS and refuses everybody. */
async function listenOn(port: number, onRefused: () => void): Promise<Server> {
  const info = {
    server_id: 'x',
    version: '2.9.10',
    proto: 1,
    max_payload: 1_048_576,
    auth_required: true,
    headers: true,
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.once('data', () => {
      onRefused();
      socket.end("-ERR 'Authorization Violation'\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

/** Sends until there is no room, and gives how many bytes were taken. */
async function fill(send: () => Promise<number>): Promise<number> {
  let bytes = 0;
  for (;;) {
    try {
      bytes += await send();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_OVERLOADED', retryable: true });
      return bytes;
    }
  }
}
