import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createManualClock } from '@agentwire/core/testing';
import { gateDecision, payload, target } from '@agentwire/a2a-router';
import type { StandardSchema } from '@agentwire/a2a-router/internal';
import { formatPermissions, nodePermissions } from '../src/index.ts';
import { answerAll, startedInEachTest, startNode, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };
const FAST = { presenceIntervalMs: 100 };

describe.skipIf(!hasServer)(`nodes that know each other${unlessServer}`, { timeout: 30_000 }, () => {
  let server: TestServer;
  const { start, serve, afterNodes } = startedInEachTest({ flush: true });
  const names = (node: TestNode): string[] => node.backend.nodes().map(({ nodeId }) => nodeId);
  const aborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve());
    });
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('list each other with version, metadata and services, and forget who leaves', async () => {
    const a = await start('a', server.url);
    const b = await start('b', server.url, { version: '1.2.3', metadata: { zone: 'eu' } });
    const two = b.add('two');
    two.provide('sums', { version: '2.0.0', description: 'adds', metadata: { team: 'x' }, methods: ['add'] });
    await until(() => a.backend.nodes().some(({ services }) => services.length > 0));
    expect(a.backend.nodes()[1]).toMatchObject({
      nodeId: 'b',
      version: '1.2.3',
      metadata: { zone: 'eu' },
      services: [{ name: 'sums', version: '2.0.0', description: 'adds', metadata: { team: 'x' }, methods: ['add'] }],
      moreServices: 0,
      conflict: false,
    });
    await until(() => names(b).includes('a'));
    two.withdraw('sums');
    await until(() => a.backend.nodes()[1]?.services.length === 0);
    await b.close();
    await until(() => !names(a).includes('b'));
  });

  it('tell the schemas of their methods, and calls that no node would take do not leave their sender', async () => {
    const a = await start('a', server.url, {}, { checkContracts: 'both' });
    const [b, c] = [await start('b', server.url), await start('c', server.url)];
    const schema = (json: object): StandardSchema =>
      ({
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value: unknown) => ({ value }),
          jsonSchema: { input: () => json },
        },
      }) as StandardSchema;
    const list = {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'number' } } },
      required: ['list'],
    };
    const [one, two, three] = [a.add('one'), b.add('two'), c.add('three')];
    two.provide('sums', { methods: { add: { args: schema(list), answer: schema({ type: 'number' }) }, any: {} } });
    void answerAll(two, ({ payload: body }) => body);
    await until(() => a.backend.nodes().some(({ services }) => services.length > 0));
    const schemas = { add: { args: list, answer: { type: 'number' } } };
    expect(a.backend.nodes().find(({ nodeId }) => nodeId === 'b')?.services).toMatchObject([{ name: 'sums', schemas }]);
    const [good, bad] = [payload.json({ list: [1] }), payload.json({ list: [1, 'secret'] })];
    const refusal = { code: 'ERR_INVALID_ARGUMENT', detail: { paths: ['list.1'] } };
    const received = b.backend.stats.received;
    for (const to of [
      target.serviceMethod('sums', 'add'),
      target.remoteNode('b', target.serviceMethod('sums', 'add')),
    ]) {
      await expect(one.request(to, bad)).rejects.toMatchObject(refusal);
      await expect(one.request(to, bad)).rejects.not.toThrow('secret');
      await expect(one.send(to, payload.toolCall('add', {}))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    }
    expect(b.backend.stats.received).toBe(received);
    expect(a.router.pendingRequestCount).toBe(0);
    const to = target.remoteNode('b', target.serviceMethod('sums', 'add'));
    expect((await one.request(to, good)).payload).toEqual(good);
    expect((await one.request(target.remoteNode('b', target.serviceMethod('sums', 'any')), bad)).payload).toEqual(bad);
    // What one node announces does not stop calls that another one takes.
    three.provide('sums', { methods: { add: { args: schema({ not: {}, type: 'null' }) } } });
    await until(() => a.backend.nodes().some(({ nodeId, services }) => nodeId === 'c' && services.length > 0));
    void answerAll(three, ({ payload: body }) => body);
    expect((await one.request(target.serviceMethod('sums', 'add'), good)).payload).toEqual(good);
    await expect(one.request(target.serviceMethod('sums', 'add'), bad)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    // A schema so deep that it could not be written again makes an announcement unreadable.
    const other = await connect({ servers: server.url });
    const deep = `${'{"items":'.repeat(5000)}true${'}'.repeat(5000)}`;
    const text = `{"instance":"${'ab'.repeat(16)}","session":1,"ttlMs":60000,"version":"1.0.0","metadata":{},"more":0`;
    const { malformed } = a.backend.stats;
    other.publish(
      'a2a.deep.presence',
      `${text},"services":[{"name":"s","version":"1.0.0","metadata":{},"schemas":{"m":{"args":${deep}}}}]}`,
    );
    await until(() => a.backend.stats.malformed > malformed);
    expect(names(a)).not.toContain('deep');
    await other.close();
    // Without schemas that fit into an announcement, the receiver alone checks.
    two.provide('sums', { methods: { add: { args: schema({ ...list, description: 'd'.repeat(5000) }) } } });
    b.backend.serviceChanged('sums', true);
    await until(() => a.backend.announcedArgs('sums', 'add', 'b').length === 0);
    expect((await one.request(to, bad)).payload).toEqual(bad);
  });

  it('tell as much as an announcement holds, and how much more there is', async () => {
    const [a, b] = [await start('a', server.url), await start('b', server.url)];
    const two = b.add('two');
    for (let i = 0; i < 500; i += 1) two.provide(`service-${i}`, { description: 'd'.repeat(500) });
    await until(() => (a.backend.nodes()[1]?.moreServices ?? 0) > 0);
    const [, known] = a.backend.nodes();
    expect((known?.services.length ?? 0) + (known?.moreServices ?? 0)).toBe(500);
  });

  it('refuse a version that is none, metadata that are too many, and options that cannot be', async () => {
    const a = await start('a', server.url);
    const one = a.add('one');
    const refused = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as unknown;
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v']));
    for (const options of [{ version: 'one' }, { metadata: many }, { description: 'd'.repeat(1025) }])
      expect(() => one.provide('x', options)).toThrow(refused);
    for (const options of [{ version: '1' }, { presenceIntervalMs: 1 }, { maxWaiting: 0 }, { micro: 'yes' as never }])
      await expect(startNode('n', server.url, options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  it('end what a node asked when it dies without a word, and what was asked of it', async () => {
    const [a, b] = [await start('a', server.url, FAST), await start('b', server.url, FAST)];
    const [one, two] = [a.add('one'), b.add('two')];
    await until(() => names(a).includes('b') && names(b).includes('a'));
    const asking = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
    const ended = expect(asking).rejects.toBeDefined();
    const message = await two.inbox.receive();
    const asksBack = two.request(target.remoteNode('a', target.process(one.pid)), payload.text('?'), LONG);
    const lost = expect(asksBack).rejects.toMatchObject({ code: 'ERR_CLOSED', message: /node "a" is gone/ });
    await one.inbox.receive();
    await a.backend.abort();
    await aborted(message?.signal ?? AbortSignal.abort());
    await lost;
    await a.router.close();
    await ended;
    expect(names(b)).not.toContain('a');
  });

  it('do not take each other for gone after a process was stopped for longer than a node may be silent', async () => {
    const [a, b] = [await start('a', server.url, FAST), await start('b', server.url, FAST)];
    const [one, two] = [a.add('one'), b.add('two')];
    await until(() => names(a).includes('b'));
    const asking = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'));
    const message = await two.inbox.receive();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6 * FAST.presenceIntervalMs);
    for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await message?.reply(payload.text('here'));
    expect(await asking).toMatchObject({ payload: { text: 'here' } });
    expect(names(a)).toEqual(['a', 'b']);
  });

  it('end what a node asked before its connection was lost, when it is back', async () => {
    const own = await serve();
    const [a, b] = [await start('a', own.url), await start('b', server.url)];
    await b.close();
    const c = await start('c', own.url);
    const [one, three] = [a.add('one'), c.add('three')];
    await until(() => names(c).includes('a'));
    const asking = one.request(target.remoteNode('c', target.process(three.pid)), payload.text('?'), LONG);
    const ended = expect(asking).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const message = await three.inbox.receive();
    const { signal } = message ?? {};
    own.kill('SIGKILL');
    await ended;
    const again = await own.restart();
    afterNodes(again.stop);
    await aborted(signal ?? AbortSignal.abort());
    await until(() => a.backend.stats.connected && c.backend.stats.connected);
  });

  it('answer a node that asks them to announce themselves ten times in 10 s', async () => {
    const clock = createManualClock();
    const a = await start('a', server.url, { clock, presenceIntervalMs: 600_000 });
    const asker = await connect({ servers: server.url });
    const answers: string[] = [];
    asker.subscribe('a2a.a.presence', { callback: (_error, msg) => void answers.push(msg.string()) });
    const about = { instance: 'e'.repeat(32), session: 1, ttlMs: 600_000, version: '1.0.0', metadata: {} };
    const ask = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        asker.publish('a2a.z.presence', JSON.stringify({ ...about, services: [], more: 0, ask: true, bye: false }));
        await asker.flush();
        await a.backend.flush();
        clock.advance(20);
        await a.backend.flush();
        await asker.flush();
      }
    };
    await ask(30);
    expect(answers).toHaveLength(10);
    clock.advance(10_000);
    await ask(1);
    expect(answers).toHaveLength(11);
    await asker.close();
  });

  it('notice two processes under the name of a third', async () => {
    const a = await start('a', server.url, FAST);
    await start('twin', server.url, FAST);
    await start('twin', server.url, FAST);
    await until(() => a.backend.nodes().some(({ nodeId, conflict }) => nodeId === 'twin' && conflict));
  });

  it('hold no more messages for a slow gate than they have room for', async () => {
    const waiting: (() => void)[] = [];
    const gate = {
      check: (agentId: string) =>
        agentId.startsWith('a/')
          ? new Promise<typeof gateDecision.permit>((resolve) => {
              waiting.push(() => resolve(gateDecision.permit));
            })
          : gateDecision.permit,
    };
    const [a, b] = [await start('a', server.url), await start('b', server.url, { maxWaiting: 8 }, { gate })];
    const [one, two] = [a.add('one'), b.add('two')];
    const to = target.remoteNode('b', target.process(two.pid));
    const asked = Array.from({ length: 6 }, () =>
      one.request(to, payload.text('?'), LONG).catch((error: unknown) => error),
    );
    // One node has half of the room.
    expect(await Promise.all(asked.slice(4))).toMatchObject([{ code: 'ERR_OVERLOADED' }, { code: 'ERR_OVERLOADED' }]);
    void answerAll(two, () => payload.text('!'));
    await until(() => waiting.length === 4);
    for (const decide of waiting.splice(0)) decide();
    expect(await Promise.all(asked.slice(0, 4))).toHaveLength(4);
    const last = one.request(to, payload.text('?'), LONG);
    await until(() => waiting.length === 1);
    waiting[0]?.();
    expect(await last).toMatchObject({ payload: { text: '!' } });
    const big = await start('big', server.url, { maxWaitingBytes: 4096 });
    const three = big.add('three');
    await expect(
      one.request(target.remoteNode('big', target.process(three.pid)), payload.text('x'.repeat(3000)), LONG),
    ).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
  });

  describe('and a client of NATS micro services', () => {
    let guarded: TestServer;
    let client: NatsConnection;
    let micro: TestNode;
    const gather = async (subject: string, count: number): Promise<Record<string, unknown>[]> => {
      const found: Record<string, unknown>[] = [];
      for await (const msg of await client.requestMany(subject, '', {
        strategy: 'count',
        maxWait: 20_000,
        maxMessages: count,
      }))
        found.push(msg.json());
      return found;
    };
    beforeAll(async () => {
      const grants = { services: { serve: ['sums', 'odd name'] }, micro: true };
      const node = formatPermissions(nodePermissions('m', grants));
      guarded = await startServer(
        `authorization { users: [ { user: admin, pass: secret }, { user: m, pass: secret, ${node} } ] }`,
      );
      client = await connect({ servers: guarded.url, user: 'admin', pass: 'secret' });
    });
    afterAll(async () => {
      await client.close();
      await guarded.stop();
    });

    it('list services, describe them and count their calls, in the shapes of io.nats.micro.v1', async () => {
      micro = await start('m', guarded.url, { auth: { user: 'm', pass: 'secret' }, micro: true });
      const a = await start('a', guarded.url, { auth: { user: 'admin', pass: 'secret' } });
      const [one, owner] = [a.add('one'), micro.add('owner')];
      const schema = {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: (value: unknown) => ({ value }),
          jsonSchema: { input: () => ({ type: 'number' }) },
        },
      };
      owner.provide('sums', {
        version: '1.1.0',
        description: 'adds',
        metadata: { k: 'v' },
        methods: { add: { args: schema } },
      });
      owner.provide('odd name');
      await micro.backend.flush();
      const pings = await gather('$SRV.PING', 2);
      const sums = pings.find(({ name }) => name === 'sums');
      expect(pings.find(({ name }) => name === 'odd_20name')).toMatchObject({
        version: '0.0.0',
        metadata: { 'agentwire.service': 'odd name' },
      });
      expect(sums).toEqual({
        type: 'io.nats.micro.v1.ping_response',
        name: 'sums',
        id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        version: '1.1.0',
        metadata: { k: 'v', 'agentwire.node': 'm', 'agentwire.service': 'sums' },
      });
      expect(await gather('$SRV.INFO.sums', 1)).toEqual([
        {
          ...sums,
          type: 'io.nats.micro.v1.info_response',
          description: 'adds',
          endpoints: [
            { name: 'default', subject: 'a2a.*.service.sums.*', queue_group: 'sums', metadata: {} },
            {
              name: 'add',
              subject: 'a2a.*.service.sums.add',
              queue_group: 'sums',
              metadata: { 'schema.args.vendor': 'test', 'schema.args': '{"type":"number"}' },
            },
          ],
        },
      ]);
      const add = target.serviceMethod('sums', 'add');
      const good = one.request(add, payload.json(1), LONG);
      await (await owner.inbox.receive())?.reply(payload.json(2));
      await good;
      const bad = expect(one.request(add, payload.json(1), LONG)).rejects.toMatchObject({ code: 'ERR_HANDLER' });
      await (await owner.inbox.receive())?.reply.error(new Error('no'));
      await bad;
      const [stats] = await gather(`$SRV.STATS.sums.${String(sums?.['id'])}`, 1);
      expect(stats).toMatchObject({
        type: 'io.nats.micro.v1.stats_response',
        name: 'sums',
        started: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        endpoints: [
          {
            name: 'default',
            num_requests: 0,
            num_errors: 0,
            last_error: '',
            processing_time: 0,
            average_processing_time: 0,
          },
          { name: 'add', num_requests: 2, num_errors: 1, last_error: 'the handler failed' },
        ],
      });
      expect(micro.backend.stats).toMatchObject({ violations: 0, malformed: 0 });
    });
  });
});
