import { describe, expect, it } from 'vitest';
import { createManualClock } from '@agentwire/core/testing';
import { createChain, payload, scope, target } from '@agentwire/a2a-router';
import { jetstreamManager, type JsMsg, type StreamInfo } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Unsettled } from '../src/unsettled.ts';
import { startedInEachTest, startNode, type TestNode, until } from './node.ts';
import { hasServer, type TestServer, unlessServer } from './server.ts';

const DURABLE = { durable: true };
const LONG = { timeoutMs: 60_000 };
const toInbox = (name: string) => target.remoteNode('b', target.service(name));

describe.skipIf(!hasServer)(`a durable inbox${unlessServer}`, { timeout: 30_000 }, () => {
  const { start: node, serve } = startedInEachTest();
  const pair = async (
    settings: Parameters<typeof startNode>[3] = {},
  ): Promise<{ server: TestServer; a: TestNode; b: TestNode }> => {
    const server = await serve();
    const a = await node('a', server.url, { durable: {} });
    return { server, a, b: await node('b', server.url, { durable: {} }, settings) };
  };
  const textOf = ({ payload: body }: { readonly payload: unknown }): string => (body as { text: string }).text;

  it('handles each message once, however long its handlers take', async () => {
    const { server, a, b } = await pair();
    const handled: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const inbox = await b.backend.openInbox(
      'slow',
      async (message) => {
        handled.push(textOf(message));
        await released;
      },
      { concurrency: 2, ackWaitMs: 300, maxDeliver: 2 },
    );
    const raw = await connect({ servers: server.url });
    let beats = 0;
    raw.subscribe('$JS.ACK.A2A_INBOX_b.>', { callback: () => void (beats += 1) });
    await raw.flush();
    const one = a.add('one');
    for (let n = 0; n < 8; n += 1) await one.send(toInbox('slow'), payload.text(`m${n}`), DURABLE);
    // Two in hand, three signs of life in each ackWaitMs: three times that time has passed.
    await until(() => beats >= 18);
    release();
    await until(() => inbox.stats.handled === 8);
    expect(handled.toSorted((x, y) => x.localeCompare(y))).toEqual(Array.from({ length: 8 }, (_, n) => `m${n}`));
    // a process that was held up for ackWaitMs gets some again, and knows their keys
    expect(inbox.stats).toMatchObject({ failed: 0, dead: 0 });
    await raw.close();
  });

  it('gives messages of high priority the next free slot, delayed ones too', async () => {
    const { server, a, b } = await pair();
    const one = a.add('one');
    const to = toInbox('work');
    const order: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const inbox = await b.backend.openInbox(
      'work',
      async (message) => {
        order.push(textOf(message));
        await released;
      },
      { concurrency: 1 },
    );
    await one.send(to, payload.text('first'), DURABLE);
    await until(() => order.length === 1);
    for (const n of [1, 2, 3]) await one.send(to, payload.text(`normal ${n}`), DURABLE);
    for (const n of [1, 2]) await one.send(to, payload.text(`high ${n}`), { ...DURABLE, priority: 'high' });
    await one.send(to, payload.text('high 3'), { ...DURABLE, priority: 'high', notBefore: Date.now() + 20 });
    const connection = await connect({ servers: server.url });
    const manager = await jetstreamManager(connection);
    const fetched = async (): Promise<number> =>
      (await manager.consumers.info('A2A_INBOX_b', 'b_work_high')).num_ack_pending;
    await until(async () => (await fetched()) === 3);
    release();
    await until(() => inbox.stats.handled === 7);
    expect(order).toEqual(['first', 'high 1', 'high 2', 'high 3', 'normal 1', 'normal 2', 'normal 3']);
    await connection.close();
  });

  it('takes one key once for itself, and so does every other inbox', async () => {
    const { a, b } = await pair();
    const got: string[] = [];
    const names = ['orders', 'invoices'];
    for (const name of names) await b.backend.openInbox(name, () => void got.push(name));
    const keyed = { ...DURABLE, idempotencyKey: `job ${'x'.repeat(500)}` };
    const one = a.add('one');
    for (const name of [...names, ...names]) await one.send(toInbox(name), payload.text('job'), keyed);
    await a.add('two').send(toInbox('orders'), payload.text('job'), keyed);
    await until(() => got.length === 3);
    expect(got.toSorted((x, y) => x.localeCompare(y))).toEqual(['invoices', 'orders', 'orders']);
  });

  it('answers requests in the name of the process that handles them, and ends those that it gives up', async () => {
    const { a, b } = await pair();
    const [one, two] = [a.add('one'), b.add('two', { ipcScope: scope.none })];
    await b.backend.openInbox('calc', async (message) => void (await message.reply(payload.text('42'))), {
      pid: two.pid,
    });
    expect(await one.request(toInbox('calc'), payload.text('?'), LONG, DURABLE)).toMatchObject({
      from: two.pid,
      fromNode: 'b',
      payload: { text: '42' },
    });
    const fails = (): never => {
      throw new Error('no');
    };
    await b.backend.openInbox('fails', fails, { maxDeliver: 2, backoffMs: [1] });
    await expect(one.request(toInbox('fails'), payload.text('?'), LONG, DURABLE)).rejects.toMatchObject({
      code: 'ERR_HANDLER',
    });
    const keyed = { ...DURABLE, idempotencyKey: 'k' };
    await one.request(toInbox('calc'), payload.text('?'), LONG, keyed);
    await expect(one.request(toInbox('calc'), payload.text('?'), LONG, keyed)).rejects.toMatchObject({
      code: 'ERR_DUPLICATE_REQUEST',
    });
    expect(a.router.pendingRequestCount).toBe(0);
    expect(one.inbox.size).toBe(0);
  });

  it('redrives its own letters only, past acceptRemote, scope and deadline of the sender they are from', async () => {
    let mayA = false;
    const chain = createChain({ key: new Uint8Array(16) });
    const { a, b } = await pair({ chain, acceptRemote: (from) => (from === 'a' && !mayA ? undefined : {}) });
    const got: unknown[] = [];
    const orders = await b.backend.openInbox('orders', (message) => void got.push([message.fromNode, message.from]));
    await b.backend.openInbox('other', () => undefined);
    const one = a.add('one');
    const once = { ...DURABLE, idempotencyKey: 'once' };
    await one.send(toInbox('orders'), payload.text('refused'), once);
    await until(() => orders.stats.dead === 1);
    const [letter] = await b.backend.deadLetters('orders');
    const sequence = letter?.sequence ?? 0;
    expect(letter).toMatchObject({ source: 'a', reason: 'governance_denied' });
    await expect(b.backend.redrive('other', sequence)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await b.backend.redrive('orders', sequence);
    await until(() => orders.stats.dead === 2);
    const [again] = await b.backend.deadLetters('orders');
    expect(again).toMatchObject({ source: 'a', reason: 'governance_denied', message: { idempotencyKey: 'once' } });
    mayA = true;
    await b.backend.redrive('orders', again?.sequence ?? 0);
    await until(() => got.length === 1);
    expect(got).toEqual([['a', one.pid]]);
    expect(chain.tail(2).map(({ kind }) => kind)).toEqual(['ipc.redrive', 'ipc.outcome']);
    expect(await b.backend.deadLetters('orders')).toEqual([]);

    mayA = false;
    await one.send(toInbox('orders'), payload.text('late'), { ...DURABLE, deadline: Date.now() + 300 });
    await until(() => orders.stats.dead === 3);
    mayA = true;
    const [late] = await b.backend.deadLetters('orders');
    // the clocks of both nodes and of the server are one here
    await until(() => Date.now() > (late?.message?.deadline ?? 0));
    await b.backend.redrive('orders', late?.sequence ?? 0);
    await until(() => orders.stats.dead === 4);
    expect(await b.backend.deadLetters('orders')).toMatchObject([{ source: 'a', reason: 'timeout' }]);
    expect(got).toHaveLength(1);
  });

  it('is kept for inboxes that were opened, and only a node itself makes its streams', async () => {
    const { server, a } = await pair();
    const one = a.add('one');
    for (const name of ['orders', 'x1', 'x2'])
      await expect(one.send(toInbox(name), payload.text('x'), DURABLE)).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    for (let n = 0; n < 5; n += 1) {
      const nowhere = target.remoteNode(`invented ${n}`, target.service('orders'));
      await expect(one.send(nowhere, payload.text('x'), DURABLE)).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    }
    const names = (await streams(server)).map(({ config }) => config.name);
    expect(names.toSorted((x, y) => x.localeCompare(y))).toEqual([
      'A2A_DEAD_a',
      'A2A_DEAD_b',
      'A2A_INBOX_a',
      'A2A_INBOX_b',
      'A2A_LATER_a',
      'A2A_LATER_b',
    ]);
  });

  it('is bounded in bytes, and takes a changed bound or refuses it', async () => {
    const server = await serve();
    const limits = { maxPerInbox: 10, maxBytes: 4096, inboxes: ['orders'] };
    await (await startNode('b', server.url, { durable: limits })).close();
    const a = await node('a', server.url, { durable: {} });
    const one = a.add('one');
    const send = (): Promise<unknown> => one.send(toInbox('orders'), payload.text('x'.repeat(1500)), DURABLE);
    await send();
    await send();
    await expect(send()).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    const more = { ...limits, maxBytes: 8192, maxPerInbox: 3 };
    await expect(startNode('b', server.url, { durable: { ...more, create: false } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('durable.maxPerInbox (10') as unknown,
    });
    // A server drops what is over a lowered limit.
    for (const [lower, why] of [
      [{ maxPerInbox: 1 }, '2 messages of one sender wait'],
      [{ maxBytes: 2048 }, '2 messages of'],
    ] as const) {
      await expect(startNode('b', server.url, { durable: lower })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(why) as unknown,
      });
    }
    await node('b', server.url, { durable: more });
    await send();
    await expect(send()).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    const config = (await streams(server)).find(({ config: { name } }) => name === 'A2A_INBOX_b')?.config;
    expect(config).toMatchObject({ max_msgs_per_subject: 3, max_bytes: 8192 });
    await expect(startNode('b', server.url, { durable: { storage: 'memory' } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    // Options that are not given stay as they are.
    await node('b', server.url, { durable: {} });
    expect((await streams(server)).find(({ config: { name } }) => name === 'A2A_INBOX_b')?.config).toEqual(config);
  });

  it('narrows a stream of an earlier version to its inboxes, and keeps what waits there', async () => {
    const server = await serve();
    const raw = await connect({ servers: server.url });
    const manager = await jetstreamManager(raw);
    await manager.streams.add({
      name: 'A2A_INBOX_b',
      subjects: ['a2a.*.inbox.b.*'],
      retention: 'workqueue',
      discard: 'new',
      discard_new_per_subject: true,
      max_msgs_per_subject: 1024,
    });
    const old = { id: 'x', from: 1, payload: { Text: 'old' }, timestamp: new Date(0).toISOString() };
    await raw.request('a2a.a.inbox.b.orders', JSON.stringify(old));
    await raw.close();
    const b = await node('b', server.url, { durable: {} });
    const got: string[] = [];
    await b.backend.openInbox('orders', (message) => void got.push(textOf(message)));
    await until(() => got.length === 1);
    const found = (await streams(server)).find(({ config: { name } }) => name === 'A2A_INBOX_b');
    expect(found?.config.subjects).toEqual(['a2a.*.inbox.b.=', 'a2a.*.inbox.b.orders', 'a2a.*.inbox.b.orders.high']);
  });
});

describe('what a durable inbox has in hand', () => {
  it('is kept alive from the first moment, and known by its number when it comes again', () => {
    const clock = createManualClock();
    const beats: string[] = [];
    const delivery = (name: string, streamSequence: number): JsMsg =>
      ({ info: { streamSequence }, working: () => void beats.push(name) }) as unknown as JsMsg;
    const unsettled = new Unsettled(clock, 3000);
    const [one, again, two] = [delivery('one', 1), delivery('again', 1), delivery('two', 2)];
    expect([unsettled.take(one), unsettled.take(two), unsettled.take(again)]).toEqual([true, true, false]);
    clock.advance(1000);
    expect(beats).toEqual(['again', 'two']);
    expect(unsettled.release(one)).toBe(again);
    clock.advance(1000);
    expect(beats).toEqual(['again', 'two', 'two']);
    unsettled.release(two);
    clock.advance(10_000);
    expect([beats.length, unsettled.size]).toEqual([3, 0]);
  });
});

async function streams(server: TestServer): Promise<StreamInfo[]> {
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  const found: StreamInfo[] = [];
  for await (const info of manager.streams.list()) found.push(info);
  await connection.close();
  return found;
}
