import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '@nats-io/transport-node';
import { createChain, payload, scope, target } from '@agentwire/a2a-router';
import { createNatsBackend, tail, type TailedMessage } from '../src/index.ts';
import { answerAll, startedInEachTest, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

describe.skipIf(!hasServer)(`nodes over a real nats-server${unlessServer}`, { timeout: 30_000 }, () => {
  let server: TestServer;
  const { start } = startedInEachTest();
  beforeAll(async () => {
    server = await startServer('max_payload: 65536');
  });
  afterAll(() => server.stop());

  const pair = async (): Promise<[TestNode, TestNode]> => {
    const both: [TestNode, TestNode] = [await start('a', server.url), await start('b', server.url)];
    for (const { backend } of both) await backend.flush();
    return both;
  };

  it('sends to one process of another node, with the source that the subject names', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    expect(await one.send(to, payload.json({ n: 1 }), { traceId: 't' })).toMatchObject({ delivered: 0, remote: 1 });
    const message = await two.inbox.receive();
    expect(message).toMatchObject({ from: one.pid, fromNode: 'a', traceId: 't', payload: { value: { n: 1 } } });
    await message?.reply(payload.binary(new Uint8Array([1, 2, 3])));
    expect(await one.inbox.receive()).toMatchObject({
      from: two.pid,
      fromNode: 'b',
      correlationId: message?.id,
      payload: { bytes: new Uint8Array([1, 2, 3]) },
    });
  });

  it('carries the traceparent of a message and of its answer, and continues the trace there', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two')];
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const to = target.remoteNode('b', target.process(two.pid));
    const answer = one.request(to, payload.text('hi'), {}, { traceparent });
    const message = await two.inbox.receive();
    expect(message?.traceparent).toBe(traceparent);
    await message?.reply(payload.text('hi yourself'));
    expect((await answer).traceparent).toBe(traceparent);
  });

  it('asks and answers, whatever the scope of the one who answers', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two', { ipcScope: scope.none })];
    void answerAll(two, (message) => payload.text(`to ${message.fromNode}`));
    const to = target.remoteNode('b', target.process(two.pid));
    expect(await one.request(to, payload.text('?'))).toMatchObject({
      from: two.pid,
      fromNode: 'b',
      payload: { text: 'to a' },
    });
    const many = await Promise.all(Array.from({ length: 500 }, () => one.request(to, payload.text('?'))));
    expect(many).toHaveLength(500);
    expect(a.router.pendingRequestCount).toBe(0);
  });

  it('ends a request at once when the node is absent, no process owns the service, or it is refused there', async () => {
    const [a, b] = await pair();
    const one = a.add('one');
    const ask = (to: Parameters<typeof one.request>[0]): Promise<unknown> =>
      one.request(to, payload.text('?'), { timeoutMs: 20_000 });
    await expect(ask(target.remoteNode('nowhere', target.process(1)))).rejects.toMatchObject({
      code: 'ERR_NO_RESPONDERS',
    });
    await expect(ask(target.service('nothing'))).rejects.toMatchObject({ code: 'ERR_NO_RESPONDERS' });
    await expect(ask(target.topic('empty'))).rejects.toMatchObject({ code: 'ERR_NO_RESPONDERS' });
    await expect(ask(target.remoteNode('b', target.process(77)))).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_FOUND',
    });
    const two = b.add('two');
    const abort = new AbortController();
    const aborted = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), {
      signal: abort.signal,
    });
    await two.inbox.receive();
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(a.router.pendingRequestCount).toBe(0);
  });

  it('publishes to topics with wildcards on every node, once to each subscriber, and not back', async () => {
    const [a, b] = await pair();
    const [one, two, three] = [a.add('one'), b.add('two'), b.add('three')];
    one.subscribe('build.>');
    two.subscribe('build.*');
    two.subscribe('build.>');
    three.subscribe('build.done');
    await b.backend.flush();
    expect(await one.publish('build.done', payload.text('ok'))).toMatchObject({ remote: 1 });
    expect(await two.inbox.receive()).toMatchObject({ fromNode: 'a' });
    expect(await three.inbox.receive()).toMatchObject({ fromNode: 'a' });
    await one.publish('build.größe', payload.text('ok'));
    expect(await two.inbox.receive()).toMatchObject({ target: { name: 'build.größe' } });
    await b.backend.flush();
    expect([one, two, three].map(({ inbox }) => inbox.size)).toEqual([0, 0, 0]);
    expect(b.backend.stats).toMatchObject({ lost: 0, malformed: 0 });
    two.unsubscribe('build.*');
    two.unsubscribe('build.>');
    three.unsubscribe('build.done');
  });

  it('keeps broadcasts, and what a scope of pids allows, on their node', async () => {
    const [a, b] = await pair();
    const [one, here, there] = [a.add('one'), a.add('here'), b.add('there')];
    const [bound, child] = [
      a.add('bound', { ipcScope: scope.restricted([here.pid, there.pid]) }),
      a.add('child', { ipcScope: scope.parentOnly }),
    ];
    for (const agent of [here, there]) agent.subscribe('news');
    await b.backend.flush();
    expect(await one.send(target.broadcast, payload.text('all'))).toMatchObject({ delivered: 3, remote: 0 });
    const far = target.remoteNode('b', target.process(there.pid));
    for (const agent of [bound, child]) {
      await expect(agent.send(far, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
      expect(await agent.publish('news', payload.text('x'))).toMatchObject({ remote: 0 });
    }
    // what is sent last over the same connection comes last
    await one.publish('news', payload.text('last'));
    expect(await there.inbox.receive()).toMatchObject({ payload: { text: 'last' } });
    expect(there.inbox.size).toBe(0);
  });

  it('counts what a plain topic lost', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two')];
    two.subscribe('news');
    await b.backend.flush();
    await one.publish('news', payload.json(1));
    await two.inbox.receive();
    // A client that may publish as node a takes the place of three messages.
    const raw = await connect({ servers: server.url });
    const message = {
      id: 'x',
      from: 1,
      target: { Topic: 'news' },
      payload: { Json: 2 },
      timestamp: new Date(0).toISOString(),
    };
    const first = await firstOf(server.url, 'a2a.a.topic.news', () => one.publish('news', payload.json(2)));
    raw.publish(
      'a2a.a.topic.news',
      JSON.stringify({ ...message, epoch: first['epoch'], sequence: Number(first['sequence']) + 4 }),
    );
    await raw.flush();
    await until(() => b.backend.stats.lost > 0);
    expect(b.backend.stats.lost).toBe(3);
    await raw.close();
  });

  it('makes services of several nodes one queue group', async () => {
    const [a, b] = await pair();
    const c = await start('c', server.url);
    const one = a.add('one');
    for (const [node, name] of [
      [b, 'b'],
      [c, 'c'],
    ] as const) {
      const worker = node.add('worker');
      worker.provide('work');
      await node.backend.flush();
      void answerAll(worker, () => payload.text(name));
    }
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => one.request(target.service('work'), payload.text('?'))),
    );
    const counts = new Map<unknown, number>();
    for (const { payload: body } of answers)
      counts.set((body as { text: string }).text, (counts.get((body as { text: string }).text) ?? 0) + 1);
    expect([...counts.keys()].toSorted((x, y) => String(x).localeCompare(String(y)))).toEqual(['b', 'c']);
  });

  it('gathers answers from several nodes', async () => {
    const [a, b] = await pair();
    const c = await start('c', server.url);
    const one = a.add('one');
    for (const node of [b, c]) {
      const other = node.add('other');
      other.subscribe('poll');
      await node.backend.flush();
      void answerAll(other, () => payload.text(node.backend.nodeId));
    }
    const replies = await one.requestMany(target.topic('poll'), payload.text('?'), { max: 2, timeoutMs: 10_000 });
    expect(new Set(replies.map(({ fromNode }) => fromNode))).toEqual(new Set(['b', 'c']));
  });

  it('refuses what is over the payload limit of the server, and names the limit', async () => {
    const [a] = await pair();
    const one = a.add('one');
    const huge = one.send(target.remoteNode('b', target.process(1)), payload.text('ü'.repeat(40_000)));
    await expect(huge).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE', detail: { limit: 65_536 } });
  });

  it('checks capabilities on both nodes, and audits both', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const a = await start('a', server.url);
    const accept = (node: string, pid: number): { ipcScope: ReturnType<typeof scope.topic> } | undefined =>
      node === 'a' && pid === 1 ? { ipcScope: scope.topic(['ok.*']) } : undefined;
    const b = await start('b', server.url, {}, { acceptRemote: accept, chain });
    const [one, outsider, bound] = [
      a.add('one'),
      a.add('outsider'),
      a.add('bound', { ipcScope: scope.restricted([1]) }),
    ];
    const two = b.add('two');
    two.subscribe('>');
    await b.backend.flush();
    const to = target.remoteNode('b', target.process(two.pid));
    await expect(bound.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    await expect(one.request(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    await expect(outsider.request(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    await outsider.publish('ok.go', payload.text('no'));
    await one.publish('bad.go', payload.text('no'));
    await one.publish('ok.go', payload.text('yes'));
    expect(await two.inbox.receive()).toMatchObject({ payload: { text: 'yes' } });
    expect(b.backend.stats.refused).toBe(4);
    expect(two.inbox.size).toBe(0);
    const events = chain.tail().map(({ payload: body }) => JSON.parse(body ?? '{}') as Record<string, unknown>);
    expect(events.filter((event) => event['from_node'] === 'a')).toHaveLength(3);
    expect(events.filter((event) => event['code'] === 'ERR_CAPABILITY_DENIED')).toHaveLength(2);
    // A sender that is not accepted leaves nothing behind.
    expect(b.router.deadLetters.list().map(({ message }) => message.from)).toEqual([one.pid, one.pid]);
  });

  it('audits answers from other nodes where they arrive, and hands none over that cannot be recorded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-answers-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const chain = createChain({ key: new Uint8Array(16), path: join(folder, 'chain') });
    const a = await start('a', server.url, {}, { chain });
    const b = await start('b', server.url);
    const [one, two] = [a.add('one'), b.add('two')];
    await b.backend.flush();
    void answerAll(two, () => payload.text('!'));
    const to = target.remoteNode('b', target.process(two.pid));
    const { id } = await one.request(to, payload.text('?'));
    await until(() => chain.length === 5);
    const events = chain.tail().map(({ payload: body }) => JSON.parse(body ?? '{}') as Record<string, unknown>);
    expect(events.filter((event) => event['msg_id'] === id)).toMatchObject([
      { from_node: 'b', msg_id: id },
      { delivered: 1, msg_id: id },
    ]);
    await chain.close();
    await expect(one.request(to, payload.text('?'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('shows what passes to tail', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two')];
    const seen: TailedMessage[] = [];
    const abort = new AbortController();
    let ready: () => void = () => undefined;
    const listening = new Promise<void>((resolve) => (ready = resolve));
    const watching = (async () => {
      for await (const passed of tail(server.url, { signal: abort.signal, onReady: ready })) {
        // nodes announce themselves whenever it is time to.
        if (passed.way !== 'presence') seen.push(passed);
        if (seen.length === 3) abort.abort();
      }
    })();
    await listening;
    void answerAll(two, () => payload.text('!'));
    await one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'));
    await one.publish('news.today', payload.text('n'));
    await watching;
    expect(seen.map(({ source, way, to }) => [source, way, to[0]])).toEqual([
      ['a', 'agent', 'b'],
      ['b', 'reply', 'a'],
      ['a', 'topic', 'news'],
    ]);
    expect(seen[0]?.message).toMatchObject({ from: one.pid, payload: { text: '?' } });
    await expect(tail('nats://127.0.0.1:1').next()).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('belongs to one router, and says when no server is there', async () => {
    const [a] = await pair();
    expect(() => a.backend.attach({} as never)).toThrow('belongs to a router already');
    await expect(createNatsBackend({ nodeId: 'x', servers: 'nats://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'ERR_CONNECT',
    });
    await expect(a.backend.openInbox('x', () => undefined)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('`durable: {}`') as string,
    });
    const durable = a
      .add('one')
      .send(target.remoteNode('b', target.service('x')), payload.text('x'), { durable: true });
    await expect(durable).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });
});

/** The first message on a subject after something was done, as JSON. */
async function firstOf(url: string, subject: string, act: () => Promise<unknown>): Promise<Record<string, unknown>> {
  const raw = await connect({ servers: url });
  const subscription = raw.subscribe(subject, { max: 1 });
  await raw.flush();
  await act();
  for await (const msg of subscription) {
    await raw.close();
    return msg.json<Record<string, unknown>>();
  }
  return {};
}
