import { describe, expect, it } from 'vitest';
import { payload, scope, target } from '@agentwire/a2a-router';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createNatsBackend, formatPermissions, nodePermissions } from '../src/index.ts';
import { startedInEachTest, startNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const durable = { duplicateWindowMs: 60_000, inboxes: ['orders'] };
const to = target.remoteNode('b', target.service('orders'));
const quick = { backoffMs: [1], ackWaitMs: 1500 };

describe.skipIf(!hasServer)(`durable inboxes on JetStream${unlessServer}`, { timeout: 60_000 }, () => {
  const { start: node, serve, afterNodes } = startedInEachTest();

  it('keep messages for a node that is not there, in order, and acknowledge after handling', async () => {
    const server = await serve();
    // It was there once, so its inbox exists.
    await (await startNode('b', server.url, { durable })).close();
    const a = await node('a', server.url, { durable });
    const one = a.add('one');
    for (let n = 0; n < 20; n += 1)
      expect(await one.send(to, payload.json(n), { durable: true })).toMatchObject({ remote: 1 });
    const b = await node('b', server.url, { durable });
    const got: unknown[] = [];
    const inbox = await b.backend.openInbox(
      'orders',
      (message) => void got.push([message.fromNode, (message.payload as { value?: unknown }).value]),
      { concurrency: 1 },
    );
    await until(() => inbox.stats.handled === 20);
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => ['a', n]));
    await until(async () => (await waiting(server)) === 0);
  });

  it('are opened on a node that has a router, and on no other', async () => {
    const server = await serve();
    const backend = await createNatsBackend({ nodeId: 'b', servers: server.url, durable });
    afterNodes(() => backend.close());
    await expect(backend.openInbox('orders', () => undefined)).rejects.toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: expect.stringContaining('createA2ARouter({ backend, acceptRemote })') as string,
    });
  });

  it('keep one message of one id or idempotency key', async () => {
    const server = await serve();
    const [a, b] = [await node('a', server.url, { durable }), await node('b', server.url, { durable })];
    const one = a.add('one');
    for (let n = 0; n < 3; n += 1) await one.send(to, payload.json(n), { durable: true, idempotencyKey: 'pay-7' });
    await one.send(to, payload.json('other'), { durable: true });
    const got: unknown[] = [];
    const inbox = await b.backend.openInbox(
      'orders',
      (message) => void got.push((message.payload as { value?: unknown }).value),
    );
    await until(() => inbox.stats.handled === 2);
    expect(got).toEqual([0, 'other']);
  });

  it('handle once what arrives twice, and take messages of their own node too', async () => {
    const server = await serve();
    const b = await node('b', server.url, { durable });
    const raw = await connect({ servers: server.url });
    const twice = {
      id: 'x',
      from: 1,
      target: { Service: 'orders' },
      payload: { Json: 'twice' },
      timestamp: new Date(0).toISOString(),
    };
    for (let n = 0; n < 2; n += 1) await raw.request('a2a.a.inbox.b.orders', JSON.stringify(twice));
    const got: unknown[] = [];
    const take = (message: { readonly fromNode: string | undefined }): void => void got.push(message.fromNode);
    const inbox = await b.backend.openInbox('orders', take, { concurrency: 1 });
    await until(() => inbox.stats.handled === 1 && inbox.stats.duplicates === 1);
    await b.add('self').send(to, payload.json('own'), { durable: true });
    await until(() => inbox.stats.handled === 2);
    expect(got).toEqual(['a', 'b']);
    await raw.close();
  });

  it('are full on the server, for one sender, at maxPerInbox', async () => {
    const server = await serve();
    await node('b', server.url, { durable: { ...durable, maxPerInbox: 3 } });
    const [a, c] = [await node('a', server.url, { durable }), await node('c', server.url, { durable })];
    const [one, three] = [a.add('one'), c.add('three')];
    for (let n = 0; n < 3; n += 1) await one.send(to, payload.json(n), { durable: true });
    await expect(one.send(to, payload.json(3), { durable: true })).rejects.toMatchObject({
      code: 'ERR_INBOX_FULL',
      retryable: true,
    });
    expect(await three.send(to, payload.json(0), { durable: true })).toMatchObject({ remote: 1 });
    expect(await waiting(server)).toBe(4);
  });

  it('keep the dead letters of one node however many another one causes', async () => {
    const server = await serve();
    const [a, c] = [await node('a', server.url, { durable: {} }), await node('c', server.url, { durable: {} })];
    const b = await node('b', server.url, { durable: { maxDeadPerNode: 3 } });
    const fails = async (): Promise<void> => Promise.reject(new Error('no'));
    const inbox = await b.backend.openInbox('bounded', fails, { maxDeliver: 1, concurrency: 1 });
    const bounded = target.remoteNode('b', target.service('bounded'));
    await a.add('one').send(bounded, payload.text('first'), { durable: true });
    await until(() => inbox.stats.dead === 1);
    const flood = c.add('flood');
    for (let i = 0; i < 8; i += 1) await flood.send(bounded, payload.text(String(i)), { durable: true });
    await until(() => inbox.stats.dead === 9);
    const letters = await b.backend.deadLetters('bounded');
    expect(letters.map(({ message }) => message?.payload)).toMatchObject(
      ['first', '5', '6', '7'].map((text) => ({ text })),
    );
    await expect(b.backend.redrive('other', letters[0]?.sequence ?? 0)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });

  it('deliver again with backoff when a handler fails, and make it a dead letter after maxDeliver', async () => {
    const server = await serve();
    const [a, b] = [await node('a', server.url, { durable }), await node('b', server.url, { durable })];
    const one = a.add('one');
    const tries = new Map<unknown, number>();
    const inbox = await b.backend.openInbox(
      'orders',
      (message) => {
        const { value } = message.payload as { value?: unknown };
        const count = (tries.get(value) ?? 0) + 1;
        tries.set(value, count);
        if (value === 'poison' || count < 3) throw new Error('not yet');
      },
      { ...quick, maxDeliver: 4 },
    );
    await one.send(to, payload.json('poison'), { durable: true });
    await one.send(to, payload.json('slow start'), { durable: true });
    await until(() => inbox.stats.dead === 1 && inbox.stats.handled === 1);
    expect(Object.fromEntries(tries)).toEqual({ poison: 4, 'slow start': 3 });
    expect(inbox.stats).toMatchObject({ failed: 5, duplicates: 0 });
    const dead = await b.backend.deadLetters('orders');
    expect(dead).toMatchObject([
      { reason: 'handler_failed', why: 'not yet', source: 'a', message: { payload: { value: 'poison' } } },
    ]);
    expect(await waiting(server)).toBe(0);
    await b.backend.redrive('orders', dead[0]?.sequence ?? 0);
    await until(() => tries.get('poison') === 8);
  });

  it('give up at once what this router refuses, and what cannot be read', async () => {
    const server = await serve();
    const a = await node('a', server.url, { durable });
    const b = await node('b', server.url, { durable }, { acceptRemote: () => ({ ipcScope: scope.topic(['x']) }) });
    const inbox = await b.backend.openInbox('orders', () => undefined, quick);
    await a.add('one').send(to, payload.json(1), { durable: true });
    const raw = await connect({ servers: server.url });
    raw.publish('a2a.a.inbox.b.orders', 'no json');
    await until(() => inbox.stats.dead === 2);
    expect(
      (await b.backend.deadLetters('orders')).map(({ reason }) => reason).toSorted((x, y) => x.localeCompare(y)),
    ).toEqual(['governance_denied', 'target_not_found']);
    await raw.close();
  });

  it('do not deliver again while a slow handler shows signs of life', async () => {
    const server = await serve();
    const [a, b] = [await node('a', server.url, { durable }), await node('b', server.url, { durable })];
    let finish: () => void = () => undefined;
    let started = 0;
    const inbox = await b.backend.openInbox(
      'orders',
      () => {
        started += 1;
        return new Promise((resolve) => (finish = resolve));
      },
      { ...quick, ackWaitMs: 900 },
    );
    await a.add('one').send(to, payload.json(1), { durable: true });
    const raw = await connect({ servers: server.url });
    let beats = 0;
    raw.subscribe('$JS.ACK.A2A_INBOX_b.>', { callback: () => void (beats += 1) });
    await until(() => beats >= 6);
    expect(started).toBe(1);
    finish();
    await until(() => inbox.stats.handled === 1);
    await raw.close();
  });

  it('deliver again what a node had in hand when it went, and lose nothing that was accepted', async () => {
    const server = await serve();
    const a = await node('a', server.url, { durable });
    const one = a.add('one');
    const handled = new Set<unknown>();
    const first = await startNode('b', server.url, { durable });
    let inHand = 0;
    await first.backend.openInbox('orders', () => new Promise(() => void (inHand += 1)), { ...quick, concurrency: 8 });
    for (let n = 0; n < 50; n += 1) await one.send(to, payload.json(n), { durable: true });
    await until(() => inHand === 8);
    // It vanishes without a word: the connection is cut, nothing is acknowledged.
    await first.router.close();
    await first.backend.abort();
    const second = await node('b', server.url, { durable });
    const inbox = await second.backend.openInbox(
      'orders',
      (message) => void handled.add((message.payload as { value?: unknown }).value),
      { ...quick, concurrency: 8 },
    );
    await until(() => inbox.stats.handled === 50);
    expect(handled.size).toBe(50);
  });

  it('are open to their own node only, by the permissions of the server', async () => {
    const user = (name: string): string =>
      `{ user: ${name}, pass: x, ${formatPermissions(nodePermissions(name, { durable: true }))} }`;
    const server = await serve(
      `authorization { users: [ { user: admin, pass: x }, ${['a', 'b', 'c'].map(user).join(', ')} ] }`,
    );
    const as = (name: string): { auth: { user: string; pass: string } } => ({ auth: { user: name, pass: 'x' } });
    // A user with the right to it makes the streams; the nodes themselves have none.
    for (const name of ['b', 'c']) await (await startNode(name, server.url, { durable, ...as('admin') })).close();
    const mine = { durable: { create: false } };
    const [a, b] = [
      await node('a', server.url, { ...mine, ...as('a') }),
      await node('b', server.url, { ...mine, ...as('b') }),
    ];
    // who only sends needs no streams of its own
    await a.add('one').send(to, payload.json('for b'), { durable: true });
    expect(await a.backend.deadLetters('orders')).toEqual([]);
    await expect(a.backend.openInbox('orders', () => undefined)).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    const spy = await connect({ servers: server.url, ...as('c').auth, inboxPrefix: '_INBOX_c' });
    const manager = await jetstreamManager(spy, { checkAPI: false, timeout: 200 });
    const steal = { durable_name: 'b_orders', filter_subject: 'a2a.*.inbox.b.orders', ack_policy: 'explicit' as never };
    await expect(manager.consumers.add('A2A_INBOX_b', steal)).rejects.toThrow(/timeout|permission/i);
    await expect(spy.request('$JS.API.CONSUMER.MSG.NEXT.A2A_INBOX_b.b_orders', '1', { timeout: 200 })).rejects.toThrow(
      /timeout|permission/i,
    );
    const got: unknown[] = [];
    const inbox = await b.backend.openInbox(
      'orders',
      (message) => {
        got.push((message.payload as { value?: unknown }).value);
        if (got.length === 1) throw new Error('once more');
      },
      { ...quick, maxDeliver: 1 },
    );
    await until(() => inbox.stats.dead === 1);
    const [letter] = await b.backend.deadLetters('orders');
    await b.backend.redrive('orders', letter?.sequence ?? 0);
    await until(() => inbox.stats.handled === 1);
    expect(got).toEqual(['for b', 'for b']);
    expect(await b.backend.deadLetters('orders')).toEqual([]);
    await spy.close();
  });

  it('lose nothing that was acknowledged to the sender when the server is killed and comes back', async () => {
    let server = await startServer();
    const [a, b] = [
      await node('a', server.url, { durable, reconnectMs: 20 }),
      await node('b', server.url, { durable, reconnectMs: 20 }),
    ];
    const one = a.add('one');
    const accepted = new Set<number>();
    const handled = new Set<unknown>();
    const inbox = await b.backend.openInbox(
      'orders',
      (message) => void handled.add((message.payload as { value?: unknown }).value),
      quick,
    );
    const send = async (n: number): Promise<void> => {
      await one.send(to, payload.json(n), { durable: true, idempotencyKey: `n${n}` });
      accepted.add(n);
    };
    const attempts = Array.from({ length: 300 }, (_, n) => n);
    const sending = (async () => {
      for (const n of attempts) await send(n).catch(() => undefined);
    })();
    await until(() => accepted.size >= 50);
    server.kill('SIGKILL');
    server = await server.restart();
    afterNodes(server.stop);
    await sending;
    await until(() => a.backend.stats.connected && b.backend.stats.connected);
    for (const n of attempts) {
      while (!accepted.has(n)) await send(n).catch(() => new Promise((resolve) => setImmediate(resolve)));
    }
    await until(() => attempts.every((n) => handled.has(n)));
    expect(handled.size).toBe(300);
    expect(inbox.stats.dead).toBe(0);
    expect(a.backend.stats.disconnects).toBeGreaterThan(0);
  });
});

async function waiting(server: TestServer): Promise<number> {
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info('A2A_INBOX_b');
  await connection.close();
  return state.messages;
}
