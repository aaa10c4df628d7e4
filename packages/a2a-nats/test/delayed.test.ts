import { describe, expect, it } from 'vitest';
import { payload, type ReceivedMessage, target } from '@agentwire/a2a-router';
import { formatPermissions, nodePermissions } from '../src/index.ts';
import { startedInEachTest, startNode, type TestNode, until } from './node.ts';
import { hasServer, unlessServer } from './server.ts';

const to = target.remoteNode('b', target.service('orders'));
const later = (ms: number): { durable: true; notBefore: number } => ({ durable: true, notBefore: Date.now() + ms });

describe.skipIf(!hasServer)(`delayed durable messages${unlessServer}`, { timeout: 60_000 }, () => {
  const { start: node, serve, afterNodes } = startedInEachTest();
  const textOf = (message: ReceivedMessage): unknown => (message.payload as { text?: unknown }).text;

  it('come at their time and not before, in the order of their times, and are answered', async () => {
    const server = await serve();
    const [a, b] = [await node('a', server.url, { durable: {} }), await node('b', server.url, { durable: {} })];
    const got: [unknown, number, unknown][] = [];
    await b.backend.openInbox('orders', async (message) => {
      got.push([textOf(message), Date.now(), message.fromNode]);
      if (textOf(message) === 'asks') await message.reply(payload.text('answered'));
    });
    const one = a.add('one');
    const first = later(600);
    const asked = later(900);
    const answer = one.request(to, payload.text('asks'), { timeoutMs: 30_000 }, asked);
    await one.send(to, payload.text('late'), first);
    await one.send(to, payload.text('past'), later(-1000));
    await one.send(to, payload.text('now'), { durable: true });
    expect(await answer).toMatchObject({ payload: { text: 'answered' }, fromNode: 'b' });
    expect(got.map(([text]) => text)).toEqual(['past', 'now', 'late', 'asks']);
    expect(got.map(([, , source]) => source)).toEqual(['a', 'a', 'a', 'a']);
    expect(got[2]?.[1]).toBeGreaterThanOrEqual(first.notBefore);
    expect(got[3]?.[1]).toBeGreaterThanOrEqual(asked.notBefore);
  });

  it('survive that the node and the server are not there, and keep their sender', async () => {
    const server = await serve();
    const durable = { inboxes: ['orders'] };
    await (await startNode('b', server.url, { durable })).close();
    const a = await node('a', server.url, { durable: {} });
    await a.add('one').send(to, payload.text('kept'), later(800));
    await a.close();
    server.kill('SIGKILL');
    const again = await server.restart();
    afterNodes(again.stop);
    const b = await node('b', again.url, { durable });
    const got: unknown[] = [];
    await b.backend.openInbox('orders', (message) => void got.push([textOf(message), message.fromNode]));
    await until(() => got.length === 1);
    expect(got).toEqual([['kept', 'a']]);
  });

  it('are cancelled by their sender alone, until their time has come', async () => {
    const users = ['a', 'b', 'evil'].map(
      (name) => `{ user: ${name}, pass: secret, ${formatPermissions(nodePermissions(name, { durable: true }))} }`,
    );
    const server = await serve(`authorization { users: [ { user: admin, pass: secret }, ${users.join(', ')} ] }`);
    const auth = (user: string): { user: string; pass: string } => ({ user, pass: 'secret' });
    for (const name of ['a', 'b', 'evil'])
      await (await startNode(name, server.url, { durable: { inboxes: ['orders'] }, auth: auth('admin') })).close();
    const start = (name: string): Promise<TestNode> =>
      node(name, server.url, { durable: { create: false }, auth: auth(name) });
    const [a, b, evil] = [await start('a'), await start('b'), await start('evil')];
    const got: unknown[] = [];
    await b.backend.openInbox('orders', (message) => void got.push(textOf(message)));
    const one = a.add('one');
    const { messageId } = await one.send(to, payload.text('cancelled'), later(2000));
    await one.send(to, payload.text('second'), later(2100));
    expect(await evil.backend.cancelDelayed('b', 'orders', messageId)).toBe(false);
    expect(await a.backend.cancelDelayed('b', 'orders', messageId)).toBe(true);
    expect(await a.backend.cancelDelayed('b', 'orders', messageId)).toBe(false);
    // names of inboxes that are none cost the recipient no more than those of one
    const many = Array.from({ length: 300 }, (_, n) =>
      evil.backend
        .cancelDelayed('b', `none-${n}`, messageId)
        .catch((error: unknown) => (error as { code: string }).code),
    );
    const outcomes = await Promise.all(many);
    expect(new Set(outcomes)).toEqual(new Set([false, 'ERR_OVERLOADED']));
    expect(outcomes.filter((outcome) => outcome === false).length).toBeLessThan(200);
    await until(() => got.length === 1);
    expect(got).toEqual(['second']);
    expect([a, b, evil].map(({ backend }) => backend.stats.violations)).toEqual([0, 0, 0]);
  });

  it('of one sender leave room for those of others, in number and in bytes, and are found among many', async () => {
    const server = await serve();
    const [a, c] = [await node('a', server.url, { durable: {} }), await node('c', server.url, { durable: {} })];
    const b = await node('b', server.url, {
      durable: { inboxes: ['orders'], maxDelayed: 10, maxDelayedPerNode: 4, maxDelayedBytes: 64 * 1024 },
    });
    const [one, other] = [a.add('one'), c.add('other')];
    const sent = await Promise.all([1, 2, 3, 4].map((n) => one.send(to, payload.text(`x${n}`), later(60_000))));
    await expect(one.send(to, payload.text('x'), later(60_000))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    const large = payload.text('x'.repeat(8 * 1024));
    await expect(other.send(to, large, later(60_000))).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' });
    const { messageId } = await other.send(to, payload.text('y'), later(60_000));
    const ids = sent.map((report) => report.messageId);
    expect(await c.backend.cancelDelayed('b', 'orders', ids[1] ?? '')).toBe(false);
    expect(await Promise.all(ids.toReversed().map((id) => a.backend.cancelDelayed('b', 'orders', id)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(await c.backend.cancelDelayed('b', 'orders', messageId)).toBe(true);
    await one.send(to, payload.text('x'), later(60_000));
    expect(b.backend.stats.violations).toBe(0);
  });

  it('are bounded in number, refused for what is not durable and for an inbox that does not exist', async () => {
    const server = await serve();
    const a = await node('a', server.url, { durable: {} });
    await node('b', server.url, { durable: { inboxes: ['orders'], maxDelayed: 2 } });
    const one = a.add('one');
    for (let i = 0; i < 2; i += 1) await one.send(to, payload.text('x'), later(60_000));
    await expect(one.send(to, payload.text('x'), later(60_000))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    const { durable: _, ...plain } = later(60_000);
    await expect(one.send(to, payload.text('x'), plain)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    const absent = target.remoteNode('b', target.service('absent'));
    await expect(one.send(absent, payload.text('x'), later(60_000))).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
  });
});
