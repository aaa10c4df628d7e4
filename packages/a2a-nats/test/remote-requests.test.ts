import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentCapabilities, gateDecision, payload, scope, target } from '@agentwire/a2a-router';
import { answerAll, startedInEachTest, startNode, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };

describe.skipIf(!hasServer)(`requests to other nodes${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  const { start } = startedInEachTest({ flush: true });
  const pair = async (
    ofA: Parameters<typeof startNode>[3] = {},
    ofB: Parameters<typeof startNode>[3] = {},
  ): Promise<[TestNode, TestNode]> => [await start('a', server.url, {}, ofA), await start('b', server.url, {}, ofB)];
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('end at once when the one who has it exits, loses its inbox, or drops it, and when its router closes', async () => {
    const [a, b] = await pair();
    const one = a.add('one');
    const ask = (pid: number): Promise<unknown> =>
      one.request(target.remoteNode('b', target.process(pid)), payload.text('?'), LONG);
    const add = (): number => b.router.processTable.insert({ agentId: 'two' });

    const exits = b.router.register(add());
    const toExited = expect(ask(exits.pid)).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    await exits.inbox.receive();
    b.router.processTable.updateState(exits.pid, 'exited');
    await toExited;

    const removed = b.router.register(add());
    const toRemoved = expect(ask(removed.pid)).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    await removed.inbox.receive();
    b.router.removeInbox(removed.pid);
    await toRemoved;

    const drops = b.router.register(add(), { capacity: 1, overflow: 'dropOldest' });
    const toDropped = expect(ask(drops.pid)).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    await until(() => drops.inbox.size === 1);
    const kept = expect(ask(drops.pid)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await toDropped;

    const closes = b.router.register(add());
    const toClosed = expect(ask(closes.pid)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await closes.inbox.receive();
    await until(() => drops.inbox.size === 1);
    await b.router.close();
    await Promise.all([toClosed, kept]);
    expect(a.router.pendingRequestCount).toBe(0);
  });

  it('are answered by a process that has them and by no other', async () => {
    const [a, b] = await pair();
    const [one, two, three] = [a.add('one'), b.add('two'), b.add('three')];
    const asking = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
    const message = await two.inbox.receive();
    const back = target.remoteNode('a', target.process(one.pid));
    await three.send(back, payload.text('false'), { correlationId: message?.id });
    expect(await one.inbox.receive()).toMatchObject({ from: three.pid, payload: { text: 'false' } });
    await message?.reply(payload.text('true'));
    expect(await asking).toMatchObject({ from: two.pid, payload: { text: 'true' } });
  });

  it('let an answer in only past acceptRemote and the gate of the one who asked', async () => {
    const accepted = new Set(['b']);
    const [a, b] = await pair({
      acceptRemote: (node): Partial<AgentCapabilities> | undefined => (accepted.has(node) ? {} : undefined),
      gate: {
        check: (agentId) => (agentId === 'b/2' ? gateDecision.deny('bad') : gateDecision.permit),
      },
    });
    const [one, two] = [a.add('one'), b.add('two', { ipcScope: scope.none })];
    void answerAll(two, ({ payload: body }) => body);
    const ask = (text: string): Promise<unknown> =>
      one.request(target.remoteNode('b', target.process(two.pid)), payload.json(text), LONG);
    expect(await ask('good')).toMatchObject({ payload: { value: 'good' } });
    const bad = b.add('bad');
    void answerAll(bad, () => payload.text('bad'));
    await expect(
      one.request(target.remoteNode('b', target.process(bad.pid)), payload.json(1), LONG),
    ).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    accepted.clear();
    await expect(ask('good')).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    expect(a.router.pendingRequestCount).toBe(0);
  });

  it('are checked for tools where they arrive, by what acceptRemote says now', async () => {
    const given: Partial<{ -readonly [K in keyof AgentCapabilities]: AgentCapabilities[K] }> = { canExecTools: false };
    const [a, b] = await pair({}, { acceptRemote: () => given });
    const [one, two] = [a.add('one'), b.add('two')];
    void answerAll(two, () => payload.text('done'));
    const to = target.remoteNode('b', target.process(two.pid));
    const call = (): Promise<unknown> => one.request(to, payload.toolCall('rm', {}), LONG);
    await expect(call()).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    given.canExecTools = true;
    expect(await call()).toMatchObject({ payload: { text: 'done' } });
    given.canIpc = false;
    await expect(one.request(to, payload.text('?'), LONG)).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
  });

  it('carry the mark of a gate that deferred, and gather the answers of one node without waiting for more', async () => {
    const [a, b] = await pair({ gate: { check: () => gateDecision.defer() } });
    const [one, two] = [a.add('one'), b.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    await one.send(to, payload.text('!'));
    expect(await two.inbox.receive()).toMatchObject({ deferred: true });
    void answerAll(two, () => payload.text('one'));
    expect(await one.requestMany(to, payload.text('?'), { ...LONG, max: 5 })).toHaveLength(1);
  });

  it('pass the gate of both nodes', async () => {
    const asked: string[] = [];
    const gateOf = (node: string): { check: (agentId: string) => ReturnType<typeof gateDecision.defer> } => ({
      check: (agentId) => {
        asked.push(`${node}: ${agentId}`);
        return gateDecision.defer();
      },
    });
    const [a, b] = await pair({ gate: gateOf('a') }, { gate: gateOf('b') });
    const [one, two] = [a.add('one'), b.add('two')];
    await one.send(target.remoteNode('b', target.process(two.pid)), payload.text('!'));
    await two.inbox.receive();
    expect(asked).toMatchObject(['a: one', expect.stringMatching(/^b: /)]);
  });

  it('take the names of methods to their owner, and refuse a name that no server line can carry', async () => {
    const [a, b] = await pair();
    const [one, two] = [a.add('one'), b.add('two')];
    b.router.provide(two.pid, 'sums');
    await b.backend.flush();
    void answerAll(two, ({ target: to }) => payload.json({ ...to }));
    expect(await one.request(target.serviceMethod('sums', 'add.all'), payload.text('?'), LONG)).toMatchObject({
      payload: { value: { kind: 'serviceMethod', service: 'sums', method: 'add.all' } },
    });
    for (const to of [target.service('s'.repeat(5000)), target.remoteNode('n'.repeat(300), target.process(1))])
      await expect(one.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(a.backend.stats).toMatchObject({ connected: true, disconnects: 0 });
  });
});
