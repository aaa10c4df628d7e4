import { describe, expect, it } from 'vitest';
import { createManualClock } from '@agentwire/core/testing';
import {
  A2ARouter,
  CapabilityChecker,
  createA2ARouter,
  createMessage,
  payload,
  ProcessTable,
  scope,
  ServiceRegistry,
  target,
  TopicRouter,
} from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

describe('A2ARouter as the original documents it', () => {
  it('has every method under its name in camelCase', async () => {
    const table = new ProcessTable();
    const topics = new TopicRouter();
    const registry = new ServiceRegistry();
    const gate = { check: () => ({ kind: 'permit' as const }) };
    const router = new A2ARouter(table, new CapabilityChecker(table), topics)
      .withServiceRegistry(registry)
      .withGate(gate);
    const [one, two] = [table.insert({ agentId: 'one' }), table.insert({ agentId: 'two' })];
    const inbox = router.createInbox(two);
    expect(router.inboxCount).toBe(1);
    expect(router.topicRouter).toBe(topics);
    expect(router.serviceRegistry).toBe(registry);
    await router.send(createMessage(one, target.process(two), payload.text('hi')));
    expect(inbox.poll()?.payload).toEqual({ kind: 'text', text: 'hi' });
    const asked = createMessage(one, target.process(two), payload.text('?'));
    const answer = router.request(asked, { timeoutMs: 1000 });
    expect(router.pendingRequestCount).toBe(1);
    const reply = createMessage(two, target.process(one), payload.text('!'), { correlationId: asked.id });
    expect(router.tryCompleteRequest(reply)).toBe(true);
    expect(router.tryCompleteRequest(reply)).toBe(false);
    expect((await answer).payload).toEqual({ kind: 'text', text: '!' });
    expect(router.pendingRequestCount).toBe(0);
    expect(() => router.setGate(gate)).toThrow('has a gate already');
    router.removeInbox(two);
    expect(router.inboxCount).toBe(0);
  });

  it('names an option that it does not know', () => {
    expect(() => createA2ARouter({ gates: [] } as never)).toThrow('an A2A router has no option "gates"');
  });
});

describe('identity', () => {
  it('sets `from` by the endpoint, so that it cannot be forged', async () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const forged = { correlationId: 'x', from: 99 };
    const refused = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('"from"') };
    await expect(one.send(target.process(two.pid), payload.text('hi'), forged)).rejects.toMatchObject(refused);
    await one.send(target.process(two.pid), payload.text('hi'), { correlationId: 'x' });
    expect(two.inbox.poll()).toMatchObject({ from: one.pid, correlationId: 'x' });
  });

  it('does not take a message from another node on the plain way', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const message = { ...createMessage(one.pid, target.process(one.pid), payload.text('x')), fromNode: 'evil' };
    await expect(router.send(message)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  it('makes ids that do not repeat', () => {
    const ids = new Set(Array.from({ length: 5000 }, () => createMessage(1, target.kernel, payload.text('')).id));
    expect(ids.size).toBe(5000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('what the original leaves open', () => {
  it('checks publish and subscribe against the scope', async () => {
    const { add } = createTeam();
    const narrow = add('narrow', { ipcScope: scope.topic(['build.*']) });
    const mute = add('mute', { ipcScope: scope.none });
    const reader = add('reader');
    reader.subscribe('>');
    expect(await narrow.publish('build.done', payload.text('ok'))).toMatchObject({ delivered: 1 });
    await expect(narrow.publish('deploy.done', payload.text('no'))).rejects.toMatchObject({
      code: 'ERR_CAPABILITY_DENIED',
    });
    expect(() => narrow.subscribe('build.*')).not.toThrow();
    expect(() => narrow.subscribe('build.>')).toThrow('may not subscribe');
    expect(() => narrow.subscribe('*.done')).toThrow('may not subscribe');
    expect(() => mute.subscribe('build.done')).toThrow('may not subscribe');
  });

  it('lets parentOnly reach its parent alone', async () => {
    const { add } = createTeam();
    const parent = add('parent');
    const other = add('other');
    const child = add('child', { ipcScope: scope.parentOnly }, parent.pid);
    expect(await child.send(target.process(parent.pid), payload.text('done'))).toMatchObject({ delivered: 1 });
    await expect(child.send(target.process(other.pid), payload.text('psst'))).rejects.toMatchObject({
      code: 'ERR_CAPABILITY_DENIED',
    });
    expect(await child.send(target.broadcast, payload.text('all'))).toMatchObject({
      delivered: 1,
      rejected: [{ pid: other.pid, code: 'ERR_CAPABILITY_DENIED' }],
    });
  });

  it('checks the scope for kernel and remote targets too', async () => {
    const got: string[] = [];
    const { add } = createTeam({ kernelHandler: (message) => got.push(message.id) });
    const free = add('free');
    const bound = add('bound', { ipcScope: scope.restricted([free.pid]) });
    expect(await free.send(target.kernel, payload.text('x'))).toMatchObject({ delivered: 1 });
    await expect(bound.send(target.kernel, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    const far = target.remoteNode('far', target.process(1));
    await expect(bound.send(far, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    await expect(free.send(far, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_NO_HANDLER' });
    expect(got).toHaveLength(1);
  });

  it('removes inboxes, subscriptions, services and requests with their process, and tells links and monitors', async () => {
    const { router, add } = createTeam();
    const [dying, linked, watcher] = [add('dying'), add('linked'), add('watcher')];
    dying.subscribe('news');
    dying.provide('answers');
    router.links.link(dying.pid, linked.pid);
    router.links.monitor(watcher.pid, dying.pid);
    await watcher.send(target.process(dying.pid), payload.text('still queued'));
    const waiting = linked.request(target.process(dying.pid), payload.text('?'));
    const own = dying.request(target.process(watcher.pid), payload.text('?'));
    router.processTable.updateState(dying.pid, 'exited', 3);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    await expect(own).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(router.inboxCount).toBe(2);
    expect(router.topicRouter.subscriptionCount).toBe(0);
    expect(router.serviceRegistry?.size).toBe(0);
    expect(router.pendingRequestCount).toBe(0);
    expect(dying.inbox.closed).toBe(true);
    expect(router.deadLetters.list({ recipient: dying.pid }).map(({ reason }) => reason)).toEqual([
      'agent_exited',
      'agent_exited',
    ]);
    const detail = { pid: dying.pid, code: 3 };
    expect(linked.inbox.poll()?.payload).toEqual({ kind: 'signal', signal: 'LinkExited', detail });
    expect(watcher.inbox.poll()?.payload).toEqual({ kind: 'signal', signal: 'ProcessDown', detail });
    await expect(dying.send(target.process(linked.pid), payload.text('ghost'))).rejects.toMatchObject({
      code: 'ERR_INVALID_STATE',
    });
  });

  it('chooses among several owners of a service: in turn, by the shortest inbox, and only live ones', async () => {
    const { router, add } = createTeam();
    const asker = add('asker');
    const workers = [add('w1'), add('w2'), add('w3')];
    for (const worker of workers) worker.provide('work', { methods: ['run'] });
    const to = target.serviceMethod('work', 'run');
    for (let n = 0; n < 6; n += 1) await asker.send(to, payload.json(n));
    expect(workers.map(({ inbox }) => inbox.size)).toEqual([2, 2, 2]);
    router.processTable.updateState(workers[1]?.pid ?? 0, 'exited');
    for (let n = 0; n < 4; n += 1) await asker.send(to, payload.json(n));
    expect(workers.map(({ inbox }) => inbox.size)).toEqual([4, 0, 4]);
    workers[0]?.provide('work', { balance: 'leastQueued' });
    workers[2]?.inbox.poll();
    await asker.send(to, payload.json(0));
    expect(workers.map(({ inbox }) => inbox.size)).toEqual([4, 0, 4]);
    await expect(asker.send(target.serviceMethod('work', 'stop'), payload.json(0))).rejects.toMatchObject({
      code: 'ERR_SERVICE_NOT_FOUND',
    });
    expect(workers[0]?.withdraw('work')).toBe(true);
    expect(workers[0]?.withdraw('work')).toBe(false);
    await expect(asker.send(target.service('nothing'), payload.json(0))).rejects.toMatchObject({
      code: 'ERR_SERVICE_NOT_FOUND',
    });
  });
});

describe('limits of a process', () => {
  it('enforces maxMessages, maxToolCalls and canExecTools', async () => {
    const { router, add } = createTeam();
    const reader = add('reader');
    const to = target.process(reader.pid);
    const few = add('few', { maxMessages: 2 });
    await few.send(to, payload.text('1'));
    await few.send(to, payload.text('2'));
    await expect(few.send(to, payload.text('3'))).rejects.toThrow('has sent the 2 messages that it may');
    const tools = add('tools', { maxToolCalls: 1 });
    await tools.send(to, payload.toolCall('grep', {}));
    await expect(tools.send(to, payload.toolCall('grep', {}))).rejects.toThrow('has sent the 1 tool calls that it may');
    const none = add('none', { canExecTools: false });
    await expect(none.send(to, payload.toolCall('grep', {}))).rejects.toThrow('may not call tools');
    expect(router.processTable.get(few.pid)?.messagesSent).toBe(2);
    expect(router.deadLetters.list({ reason: 'governance_denied' })).toHaveLength(3);
  });

  it('does not deliver what is past its deadline, neither when sent nor when received', async () => {
    const { router, clock, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const deadline = clock.wallNow() + 100;
    await one.send(target.process(two.pid), payload.text('in time'), { deadline });
    clock.advance(100);
    await expect(one.send(target.process(two.pid), payload.text('late'), { deadline })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    expect(two.inbox.poll()).toBeUndefined();
    expect(router.deadLetters.list({ reason: 'timeout' })).toHaveLength(2);
  });

  it('delivers one idempotency key of one sender once', async () => {
    const { add } = createTeam();
    const [one, two, three] = [add('one'), add('two'), add('three')];
    for (const sender of [one, one, three])
      await sender.send(target.process(two.pid), payload.text('pay'), { idempotencyKey: 'k' });
    expect(two.inbox.size).toBe(2);
  });
});

describe('topics', () => {
  it('delivers once to each subscriber, in the order of subscription, not to the sender', async () => {
    const { add } = createTeam();
    const [one, two, three] = [add('one'), add('two'), add('three')];
    two.subscribe('a.>');
    three.subscribe('a.b');
    two.subscribe('a.b');
    one.subscribe('a.*');
    expect(await one.publish('a.b', payload.text('x'))).toMatchObject({ delivered: 2, rejected: [] });
    expect(one.inbox.size).toBe(0);
    expect(two.unsubscribe('a.>')).toBe(true);
    expect(two.unsubscribe('a.>')).toBe(false);
    expect(await one.publish('none.here', payload.text('x'))).toMatchObject({ delivered: 0 });
    await expect(one.publish('a.*', payload.text('x'))).rejects.toThrow('has a wildcard');
  });

  it('reports each subscriber that could not have it', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const full = router.register(router.processTable.insert({ agentId: 'full' }), { capacity: 1 });
    full.subscribe('news');
    await one.publish('news', payload.text('1'));
    expect(await one.publish('news', payload.text('2'))).toMatchObject({
      delivered: 0,
      rejected: [{ pid: full.pid, code: 'ERR_INBOX_FULL' }],
    });
  });

  it('keeps the last value and replays by sequence', async () => {
    const { router, add } = createTeam();
    const [one, late, later] = [add('one'), add('late'), add('later')];
    router.topicRouter.keep('temp', { retain: true, history: 3 });
    for (const n of [1, 2, 3, 4]) await one.publish('temp', payload.json(n));
    late.subscribe('temp', { fromSequence: 3 });
    later.subscribe('*', { retained: true });
    const values = (endpoint: typeof late): unknown[] => {
      const all: unknown[] = [];
      for (let m = endpoint.inbox.poll(); m !== undefined; m = endpoint.inbox.poll())
        all.push((m.payload as { value?: unknown }).value);
      return all;
    };
    expect(values(late)).toEqual([3, 4]);
    expect(values(later)).toEqual([4]);
    expect(router.topicRouter.replay('temp', 1)).toHaveLength(3);
  });
});

describe('close', () => {
  it('ends every wait and is idempotent', async () => {
    const { router, clock, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const waiting = one.request(target.process(two.pid), payload.text('?'));
    const reading = two.inbox.receive().then(() => one.inbox.receive());
    await settle();
    await router.close();
    await router.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(await reading).toBeUndefined();
    await expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(clock.pendingTimers).toBe(0);
  });
});

it('runs on the clock of the machine by default', async () => {
  const router = createA2ARouter();
  const pid = router.processTable.insert({ agentId: 'one' });
  const endpoint = router.register(pid);
  await endpoint.send(target.process(pid), payload.text('to myself'));
  expect(endpoint.inbox.poll()?.timestamp).toBeGreaterThan(createManualClock().wallNow());
});
