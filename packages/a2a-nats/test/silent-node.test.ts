import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { payload, type ReceivedMessage, target } from '@agentwire/a2a-router';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startedInEachTest, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };
const INTERVAL_MS = 1000;

/** Nodes whose clocks stand still announce nothing, as those of a process that was stopped. */
describe.skipIf(!hasServer)(`a node that was only silent${unlessServer}`, { timeout: 30_000 }, () => {
  let server: TestServer;
  const fixture = startedInEachTest({ flush: true, mayFail: true });
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const start = async (nodeId: string): Promise<{ node: TestNode; clock: ManualClock }> => {
    const clock = createManualClock();
    const node = await fixture.start(nodeId, server.url, { clock, presenceIntervalMs: INTERVAL_MS });
    return { node, clock };
  };
  const knows = (node: TestNode, other: string): boolean => node.backend.nodes().some(({ nodeId }) => nodeId === other);
  const loses = async ({ node, clock }: { node: TestNode; clock: ManualClock }, other: string): Promise<void> => {
    await until(() => knows(node, other));
    // each announcement in its time, so that no time is left out
    for (let n = 0; n < 5; n += 1) clock.advance(INTERVAL_MS);
    expect(knows(node, other)).toBe(false);
  };
  const aborted = async (signals: readonly AbortSignal[]): Promise<void> => {
    await until(() => signals.every((signal) => signal.aborted));
    for (const { reason } of signals) expect(reason).toMatchObject({ code: 'ERR_ABORTED' });
  };
  const next = async (agent: ReturnType<TestNode['add']>): Promise<ReceivedMessage> => {
    const message = await agent.inbox.receive(LONG);
    if (message === undefined) throw new Error('no message');
    return message;
  };

  it('learns that what it asked was given up: a request and a stream end', async () => {
    // who comes first hears of the other one at once
    const [b, a] = [await start('b'), await start('a')];
    const [one, two] = [a.node.add('one'), b.node.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    const asked = expect(one.request(to, payload.text('?'), LONG)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const stream = one.requestStream(to, payload.text('?'), LONG);
    const [first, second] = [await next(two), await next(two)];
    const signals = [first.signal, second.signal];
    await second.reply.write(payload.text('part'));
    await b.node.backend.flush();
    await loses(b, 'a');
    await aborted(signals);
    await asked;
    expect(await stream.next()).toMatchObject({ value: { payload: { text: 'part' } } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(a.node.router.pendingRequestCount).toBe(0);
  });

  it('learns that what it was asked is not waited for: its handlers are told', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const [one, two] = [a.node.add('one'), b.node.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    const asked = expect(one.request(to, payload.text('?'), LONG)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const stream = one.requestStream(to, payload.text('?'), { ...LONG, window: 1 });
    const [first, second] = [await next(two), await next(two)];
    const signals = [first.signal, second.signal];
    await second.reply.write(payload.text('part'));
    const blocked = expect(second.reply.write(payload.text('no room'))).rejects.toMatchObject({
      code: 'ERR_REQUEST_ENDED',
    });
    await b.node.backend.flush();
    await a.node.backend.flush();
    await loses(a, 'b');
    await asked;
    await aborted(signals);
    await blocked;
    expect(await stream.next()).toMatchObject({ value: { payload: { text: 'part' } } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('learns that its watches have ended: both sides of a link, and a monitor, are told', async () => {
    const [b, a] = [await start('b'), await start('a')];
    const [one, linked, two] = [a.node.add('one'), a.node.add('linked'), b.node.add('two')];
    const there = { nodeId: 'b', pid: two.pid };
    a.node.router.links.monitor(one.pid, there);
    a.node.router.links.link(linked.pid, there);
    await a.node.backend.flush();
    await b.node.backend.flush();
    await loses(b, 'a');
    const gone = { node: 'b', pid: two.pid, reason: 'noconnection' };
    expect((await next(one)).payload).toEqual({ kind: 'signal', signal: 'ProcessDown', detail: gone });
    expect((await next(linked)).payload).toEqual({ kind: 'signal', signal: 'LinkExited', detail: gone });
    expect((await next(two)).payload).toEqual({
      kind: 'signal',
      signal: 'LinkExited',
      detail: { node: 'a', pid: linked.pid, reason: 'noconnection' },
    });
    // a watch that is made again holds
    a.node.router.links.monitor(one.pid, there);
    await a.node.backend.flush();
    await b.node.backend.flush();
    b.node.router.processTable.updateState(two.pid, 'exited', 3);
    expect((await next(one)).payload).toMatchObject({ detail: { node: 'b', pid: two.pid, code: 3 } });
  });

  it.each(['close', 'abort'] as const)('ends what it asked itself when it leaves (%s)', async (how) => {
    const [a, b] = [await start('a'), await start('b')];
    const [one, two] = [a.node.add('one'), b.node.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    const asked = expect(one.request(to, payload.text('?'), LONG)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const stream = one.requestStream(to, payload.text('?'), LONG);
    const [first] = [await next(two), await next(two)];
    const { signal } = first;
    await a.node.backend[how]();
    await asked;
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(a.node.router.pendingRequestCount).toBe(0);
    if (how === 'close') await until(() => signal.aborted);
  });
});
