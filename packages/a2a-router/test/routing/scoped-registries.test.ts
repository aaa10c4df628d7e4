import { describe, expect, it } from 'vitest';
import {
  CapabilityChecker,
  createA2ARouter,
  createChain,
  payload,
  ProcessTable,
  scope,
  ServiceRegistry,
  target,
  TopicRouter,
} from '../../src/index.ts';
import type { RemoteBackend } from '../../src/internal.ts';
import { PatternTree } from '../../src/routing/pattern-tree.ts';
import { createTeam, settle } from '../team.ts';

const denied = expect.objectContaining({ code: 'ERR_CAPABILITY_DENIED' }) as Error;
const invalid = expect.objectContaining({ code: 'ERR_INVALID_STATE' }) as Error;

function fakeBackend(): { readonly backend: RemoteBackend; readonly told: string[] } {
  const told: string[] = [];
  const backend: RemoteBackend = {
    nodeId: 'here',
    attach: () => told.push('attach'),
    deliver: () => Promise.resolve(),
    forget: () => undefined,
    subscriptionChanged: (pattern, on) => told.push(`${on ? '+' : '-'}${pattern}`),
    serviceChanged: (service, on) => told.push(`${on ? '+' : '-'}${service}()`),
  };
  return { backend, told };
}

describe('topics and services that are used directly, as in the original', () => {
  it('ask scope, capabilities and state', () => {
    const { router, add } = createTeam();
    const [narrow, mute, cut, gone] = [
      add('narrow', { ipcScope: scope.topic(['build.*']) }),
      add('mute', { ipcScope: scope.none }),
      add('cut', { canIpc: false }),
      add('gone'),
    ];
    router.processTable.updateState(gone.pid, 'exited');
    const { topicRouter, serviceRegistry } = router;
    topicRouter.subscribe(narrow.pid, 'build.done');
    expect(() => topicRouter.subscribe(narrow.pid, 'other')).toThrow(denied);
    expect(() => topicRouter.subscribe(mute.pid, 'x')).toThrow(denied);
    expect(() => topicRouter.subscribe(gone.pid, 'x')).toThrow(invalid);
    expect(() => gone.subscribe('x')).toThrow(invalid);
    expect(() => topicRouter.subscribe(99, 'x')).toThrow('no process has pid 99');
    expect(() => serviceRegistry?.register('s', cut.pid)).toThrow(denied);
    expect(() => cut.provide('s')).toThrow(denied);
    expect(() => serviceRegistry?.register('s', gone.pid)).toThrow(invalid);
    expect(() => serviceRegistry?.register('s', 99)).toThrow('no process has pid 99');
    serviceRegistry?.register('s', mute.pid);
    expect(topicRouter.subscriptionCount).toBe(1);
    expect(serviceRegistry?.size).toBe(1);
  });

  it('reach other nodes, also when they are older than the router', () => {
    const { backend, told } = fakeBackend();
    const table = new ProcessTable();
    const topics = new TopicRouter();
    const services = new ServiceRegistry();
    const [one, two] = [table.insert({ agentId: 'one' }), table.insert({ agentId: 'two' })];
    topics.subscribe(one, 'old');
    services.register('old', one);
    const router = createA2ARouter({
      processTable: table,
      capabilityChecker: new CapabilityChecker(table),
      topicRouter: topics,
      serviceRegistry: services,
      backend,
    });
    topics.subscribe(one, 'a.*');
    topics.subscribe(two, 'a.*');
    services.register('s', one);
    services.register('s', two);
    table.updateState(one, 'exited');
    topics.unsubscribe(two, 'a.*');
    services.unregister('s', two);
    router.withServiceRegistry(new ServiceRegistry());
    router.provide(two, 'new');
    expect(told).toEqual('attach +old() +old +a.* +s() -old -old() -a.* -s() +new()'.split(' '));
  });

  it('leave the contract of a service to its first owner', () => {
    const { router, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    one.provide('s', { methods: ['run'] });
    two.provide('s');
    two.provide('s', { methods: ['run'] });
    expect(() => two.provide('s', { methods: ['run', 'rm'] })).toThrow('has another contract already');
    expect(() => two.provide('s', { balance: 'leastQueued' })).toThrow(invalid);
    one.provide('s', { methods: ['run', 'stop'] });
    expect(router.serviceRegistry?.get('s')?.methods).toEqual(['run', 'stop']);
    expect(() => one.provide('t', { methods: 'run' as never })).toThrow('methods must be a list');
  });

  it('give a suspended owner no share while another one runs', async () => {
    const { router, add } = createTeam();
    const [asker, one, two] = [add('asker'), add('one'), add('two')];
    for (const owner of [one, two]) owner.provide('s');
    router.processTable.updateState(one.pid, 'suspended');
    for (let n = 0; n < 4; n += 1) await asker.send(target.service('s'), payload.json(n));
    expect([one.inbox.size, two.inbox.size]).toEqual([0, 4]);
    router.processTable.updateState(two.pid, 'suspended');
    await asker.send(target.service('s'), payload.json(4));
    expect(one.inbox.size + two.inbox.size).toBe(5);
  });

  it('do nothing any more once the router is closed', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    await router.close();
    const closed = expect.objectContaining({ code: 'ERR_CLOSED' }) as Error;
    for (const use of [
      () => one.subscribe('x'),
      () => one.provide('s'),
      () => router.createInbox(one.pid),
      () => router.setGate({ check: () => ({ kind: 'permit' }) }),
      () => router.withServiceRegistry(new ServiceRegistry()),
    ])
      expect(use).toThrow(closed);
    await expect(one.request(target.process(one.pid), payload.text('?'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('what topics remember', () => {
  it('is given within the scope of its publisher and its deadline, with its sequence, and is in the chain', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { router, clock, add } = createTeam({ chain });
    const [friend, outsider] = [add('friend'), add('outsider')];
    const narrow = add('narrow', { ipcScope: scope.restricted([friend.pid]) });
    router.topicRouter.keep('t', { retain: true, history: 10 });
    expect(await narrow.publish('t', payload.json(1))).toMatchObject({ sequence: 1 });
    expect(await narrow.publish('t', payload.json(2), { deadline: clock.wallNow() + 10 })).toMatchObject({
      sequence: 2,
    });
    expect(await narrow.publish('t', payload.json(3))).toMatchObject({ sequence: 3 });
    // A scope that grows later does not widen what was published before.
    router.processTable.setCapabilities(narrow.pid, {});
    clock.advance(20);
    friend.subscribe('t', { fromSequence: 1 });
    outsider.subscribe('t', { fromSequence: 0 });
    narrow.subscribe('t', { retained: true });
    await settle();
    expect([friend.inbox.poll(), friend.inbox.poll()]).toMatchObject([
      { sequence: 1, payload: payload.json(1) },
      { sequence: 3, payload: payload.json(3) },
    ]);
    expect(outsider.inbox.size + friend.inbox.size + narrow.inbox.size).toBe(0);
    const replays = chain.tail().filter(({ kind }) => kind === 'ipc.replay');
    expect(replays.map(({ payload: body }) => JSON.parse(body ?? '{}') as unknown)).toMatchObject([
      { pid: friend.pid, sequence: 1 },
      { pid: friend.pid, sequence: 1, outcome: 'delivered' },
      { pid: friend.pid, sequence: 3 },
      { pid: friend.pid, sequence: 3, outcome: 'delivered' },
    ]);
    expect(() => chain.verify()).not.toThrow();
    expect(() => friend.subscribe('t', { fromSequence: -1 })).toThrow('fromSequence must be an integer');
    expect(() => friend.subscribe('t', { from: 1 } as never)).toThrow('subscribe has no option');
    await outsider.publish('t', payload.json(4));
    expect(friend.inbox.poll()).toMatchObject({ sequence: 4 });
  });
});

describe('PatternTree', () => {
  it('finds what matches and forgets what is deleted', () => {
    const tree = new PatternTree<string>();
    const patterns = ['a.*', 'a.>', '>', '*.b', 'a.b.>', '*.*.c'];
    for (const pattern of patterns) tree.set(pattern, pattern);
    const match = (topic: string): string[] => {
      const found: string[] = [];
      tree.match(topic, (pattern) => found.push(pattern));
      return found.toSorted();
    };
    expect(match('a.b')).toEqual(['*.b', '>', 'a.*', 'a.>']);
    expect(match('a.b.c')).toEqual(['*.*.c', '>', 'a.>', 'a.b.>']);
    expect(match('a')).toEqual(['>']);
    for (const pattern of patterns) tree.delete(pattern);
    tree.delete('never.there');
    expect(match('a.b.c')).toEqual([]);
  });
});

describe('the cost of an exit', () => {
  it('does not grow with the patterns: each call takes out a bounded number of what is left over', () => {
    const topics = new TopicRouter();
    for (let n = 0; n < 1000; n += 1) topics.subscribe(1, `a.${n}.*`);
    topics.subscribe(2, 'a.5.*');
    expect(topics.unsubscribeAll(1)).toHaveLength(1000);
    expect(topics.subscriptionCount).toBe(1);
    expect(topics.subscribers('a.5.x')).toEqual([2]);
    expect(topics.subscribers('a.6.x')).toEqual([]);
    expect(topics.has('a.7.*')).toBe(false);
    expect(topics.patterns()).toEqual(['a.5.*']);
    topics.subscribe(1, 'a.5.*');
    for (let n = 0; n < 20; n += 1) topics.subscribe(3, `b.${n}`);
    expect(topics.subscribers('a.5.x')).toEqual([2, 1]);
    expect(topics.unsubscribe(1, 'a.5.*')).toBe(true);
    expect(topics.unsubscribe(1, 'a.5.*')).toBe(false);
    expect(topics.subscriptionCount).toBe(21);
  });
});
