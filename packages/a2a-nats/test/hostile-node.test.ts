import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { payload, target } from '@agentwire/a2a-router';
import { createNatsBackend, formatPermissions, type NodeGrants, nodePermissions } from '../src/index.ts';
import { answerAll, startNode, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const GRANTS: Record<string, NodeGrants> = {
  asker: { services: { call: ['audit', 'shared'] }, topics: { publish: ['news', 'poll'] }, durable: true },
  victim: {
    services: { serve: ['audit', 'shared'] },
    topics: { subscribe: ['news', 'poll', 'own.>'] },
    durable: true,
  },
  evil: { services: { serve: ['shared'] }, topics: { subscribe: ['poll'], publish: ['own.>'] }, durable: true },
  bare: {},
};

/** Attacks of node `evil` with its own user on a server that has the recommended permissions. */
describe.skipIf(!hasServer)(`a hostile node${unlessServer}`, { timeout: 30_000 }, () => {
  let server: TestServer;
  let asker: TestNode;
  let victim: TestNode;
  let evil: NatsConnection;
  let admin: NatsConnection;
  /** Last word of the subject on which each request of the asker is answered, by the id of the request. */
  const tokenById = new Map<string, string>();
  const refused: string[] = [];
  const lines: Readonly<Record<string, unknown>>[] = [];
  const auth = (user: string): { user: string; pass: string } => ({ user, pass: 'secret' });

  beforeAll(async () => {
    const users = Object.entries(GRANTS).map(
      ([name, grants]) => `{ user: ${name}, pass: secret, ${formatPermissions(nodePermissions(name, grants))} }`,
    );
    server = await startServer(
      `authorization { users: [ { user: admin, pass: secret }, ${users.join(', ')} ] }\nmax_payload: 65536`,
    );
    for (const name of ['asker', 'victim', 'evil']) {
      const durable = { inboxes: ['orders', 'mirror'] };
      await (await startNode(name, server.url, { durable, auth: auth('admin') })).close();
    }
    asker = await startNode('asker', server.url, { auth: auth('asker') });
    const log = (fields: Readonly<Record<string, unknown>>, text: string): void => void lines.push({ ...fields, text });
    const logger = { debug: log, info: log, warn: log, error: log };
    victim = await startNode('victim', server.url, { auth: auth('victim'), logger });
    evil = await connect({ servers: server.url, ...auth('evil'), inboxPrefix: '_INBOX_evil' });
    // Tokens that only a responder learns, for attacks of a node that learned them all the same.
    admin = await connect({ servers: server.url, ...auth('admin') });
    admin.subscribe('a2a.asker.>', {
      callback: (_error, msg) => {
        const token = msg.reply?.split('.').at(-1);
        if (token !== undefined) tokenById.set(String(msg.json<{ id?: unknown }>().id), token);
      },
    });
    await admin.flush();
    void (async () => {
      for await (const status of evil.status()) if (status.type === 'error') refused.push(status.error.message);
    })();
  });
  afterAll(async () => {
    await evil.close();
    await admin.close();
    await asker.close();
    await victim.close();
    await server.stop();
  });

  /** Tries to subscribe; true if the server let it. */
  const mayRead = async (subject: string, queue?: string): Promise<boolean> => {
    let problem: Error | null = null;
    const subscription = evil.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error) => void (problem = error),
    });
    await evil.flush();
    await new Promise((resolve) => setImmediate(resolve));
    subscription.unsubscribe();
    return problem === null;
  };
  /** Tries to publish; true if the server let it. */
  const mayPublish = async (subject: string, text = '{}'): Promise<boolean> => {
    const before = refused.length;
    evil.publish(subject, text);
    await evil.flush();
    await new Promise((resolve) => setImmediate(resolve));
    return refused.length === before;
  };
  /** Finds the token of a request: the server may bring it to the victim before the one who listens in. */
  const tokenOf = async (message: { readonly id: string } | undefined): Promise<string> => {
    const id = message?.id ?? '';
    await until(() => tokenById.has(id));
    return tokenById.get(id) ?? '';
  };
  const wire = (fields: Record<string, unknown> = {}): string =>
    JSON.stringify({
      id: 'f'.repeat(32),
      from: 1,
      target: { Process: 1 },
      payload: { Text: 'forged' },
      timestamp: new Date(0).toISOString(),
      ...fields,
    });

  const announce = (session: number, services: readonly unknown[]): void => {
    const about = { instance: 'e'.repeat(32), session, ttlMs: 60_000, version: '1.0.0', metadata: {} };
    evil.publish('a2a.evil.presence', JSON.stringify({ ...about, services, more: 0, ask: false, bye: false }));
  };

  it('1: cannot read a service or topic that it has no grant for', async () => {
    expect(await mayRead('a2a.*.service.audit.*', 'audit')).toBe(false);
    for (const subject of ['a2a.*.topic.news', 'a2a.*.topic.>', 'a2a.*.topic.*', 'a2a.>', '>'])
      expect(await mayRead(subject), subject).toBe(false);
  });

  it('2: cannot read a granted service beside its queue group', async () => {
    expect(await mayRead('a2a.*.service.shared.*')).toBe(false);
    expect(await mayRead('a2a.*.service.shared.*', 'another')).toBe(false);
    expect(await mayRead('a2a.*.service.shared.*', 'shared')).toBe(true);
  });

  it('3: cannot read what is for another node', async () => {
    for (const subject of [
      'a2a.*.agent.victim.*',
      'a2a.*.node.victim.>',
      'a2a.*.reply.asker.*',
      'a2a.*.inbox.victim.*',
      'a2a.victim.dead.*.*',
      '_INBOX_asker.>',
      '$JS.API.>',
    ])
      expect(await mayRead(subject), subject).toBe(false);
  });

  it('4: cannot publish under the name of another node', async () => {
    const two = victim.add('two');
    for (const subject of [
      `a2a.asker.agent.victim.${two.pid}`,
      `a2a.victim.reply.asker.${'0'.repeat(32)}`,
      'a2a.asker.service.audit.=',
      'a2a.asker.topic.news',
      'a2a.asker.inbox.victim.orders',
      'a2a.victim.node.victim.hello',
    ])
      expect(await mayPublish(subject, wire()), subject).toBe(false);
    expect(two.inbox.size).toBe(0);
  });

  it('5: cannot call a service or publish on a topic that it has no grant for, not even by way of a node', async () => {
    for (const subject of [
      'a2a.evil.service.audit.=',
      'a2a.evil.topic.news',
      'a2a.evil.node.victim.service.audit.=',
      'a2a.evil.node.victim.topic.news',
    ])
      expect(await mayPublish(subject, wire()), subject).toBe(false);
  });

  it('6: cannot end a request with a 503 of its own, though it knows the reply subject', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    victim.router.provide(two.pid, 'audit');
    await victim.backend.flush();
    const asking = one.request(target.service('audit'), payload.text('?'), { timeoutMs: 20_000 });
    const message = await two.inbox.receive();
    const token = await tokenOf(message);
    const about = headers(503, 'No Responders');
    const malformed = asker.backend.stats.malformed;
    evil.publish(`a2a.evil.reply.asker.${token}`, '', { headers: about });
    await evil.flush();
    await until(() => asker.backend.stats.malformed > malformed);
    await message?.reply(payload.text('audited'));
    expect(await asking).toMatchObject({ fromNode: 'victim', payload: { text: 'audited' } });
    two.withdraw('audit');
  });

  it('7: cannot answer what another node was asked, with the reply subject or the id of the request', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    const asking = one.request(target.remoteNode('victim', target.process(two.pid)), payload.text('?'));
    const message = await two.inbox.receive();
    const tokenOfRequest = await tokenOf(message);
    const malformed = asker.backend.stats.malformed;
    for (const token of [tokenOfRequest, message?.id ?? '']) {
      evil.publish(`a2a.evil.reply.asker.${token}`, wire({ from: two.pid, correlation_id: message?.id }));
      evil.publish(`a2a.evil.reply.asker.${token}`, '{"error":{"code":"ERR_CLOSED","message":"no"}}');
    }
    await evil.flush();
    await until(() => asker.backend.stats.malformed === malformed + 2);
    await message?.reply(payload.text('mine'));
    expect(await asking).toMatchObject({ fromNode: 'victim', payload: { text: 'mine' } });
  });

  it('8: cannot displace the open request of another node by its id', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    const asking = one.request(target.remoteNode('victim', target.process(two.pid)), payload.text('?'));
    const message = await two.inbox.receive();
    evil.publish(`a2a.evil.agent.victim.${two.pid}`, wire({ id: message?.id, from: message?.from }), {
      reply: `a2a.evil.reply.evil.${'1'.repeat(32)}`,
    });
    await two.inbox.receive();
    await message?.reply(payload.text('for one'));
    expect(await asking).toMatchObject({ payload: { text: 'for one' } });
  });

  it('9: cannot choose another target than its subject, nor another spelling of a topic', async () => {
    const two = victim.add('two');
    const [other, reader] = [victim.add('other'), victim.add('reader')];
    reader.subscribe('own.>');
    await victim.backend.flush();
    evil.publish(`a2a.evil.agent.victim.${two.pid}`, wire({ target: 'Broadcast' }));
    expect(await two.inbox.receive()).toMatchObject({ target: { kind: 'process', pid: two.pid } });
    evil.publish(`a2a.evil.agent.victim.${two.pid}`, wire({ target: { Process: other.pid } }));
    expect(await two.inbox.receive()).toMatchObject({ fromNode: 'evil' });
    const malformed = victim.backend.stats.malformed;
    const place = { epoch: 'e', sequence: 1 };
    evil.publish('a2a.evil.topic.own.a=2Eb', wire({ ...place, target: { Topic: 'own.a.b' } }));
    evil.publish('a2a.evil.topic.own.c', wire({ ...place, target: { Topic: 'news' } }));
    expect(await reader.inbox.receive()).toMatchObject({ target: { name: 'own.c' } });
    expect(victim.backend.stats.malformed).toBe(malformed + 1);
    expect(other.inbox.size).toBe(0);
  });

  it('10: cannot end a poll with a failure, and has one answer in it', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    two.subscribe('poll');
    await victim.backend.flush();
    let reply = '';
    evil.subscribe('a2a.*.topic.poll', { callback: (_error, msg) => void (reply = msg.reply ?? '') });
    await evil.flush();
    const polling = one.requestMany(target.topic('poll'), payload.text('?'), { max: 2, timeoutMs: 20_000 });
    await until(() => reply !== '');
    const subject = `a2a.evil.reply.asker.${reply.split('.').at(-1)}`;
    for (let n = 0; n < 3; n += 1) evil.publish(subject, wire({ from: n }));
    evil.publish(subject, '{"error":{"code":"ERR_CLOSED","message":"no"}}');
    await evil.flush();
    const message = await two.inbox.receive();
    await message?.reply(payload.text('yes'));
    expect((await polling).map(({ fromNode }) => fromNode)).toEqual(['evil', 'victim']);
    two.unsubscribe('poll');
  });

  it('11: cannot use the streams of the server to bring its messages under another name', async () => {
    const two = victim.add('two');
    const manager = await jetstreamManager(evil, { checkAPI: false, timeout: 2000 });
    await expect(manager.streams.add({ name: 'EVIL', subjects: ['a2a.asker.>'] })).rejects.toThrow();
    await jetstream(evil).publish('a2a.evil.inbox.evil.mirror', wire());
    const malformed = victim.backend.stats.malformed;
    await manager.consumers.add('A2A_INBOX_evil', { durable_name: 'mirror', ack_policy: AckPolicy.Explicit });
    evil.publish('$JS.API.CONSUMER.MSG.NEXT.A2A_INBOX_evil.mirror', '1', {
      reply: `a2a.asker.agent.victim.${two.pid}`,
    });
    await until(() => victim.backend.stats.malformed > malformed);
    // The answers of the server's API, too, can be sent anywhere; none of them reads as a message.
    evil.publish('$JS.API.STREAM.INFO.A2A_INBOX_evil', '', { reply: `a2a.asker.agent.victim.${two.pid}` });
    await until(() => victim.backend.stats.malformed > malformed + 1);
    expect(two.inbox.size).toBe(0);
  });

  it('12: cannot fill the open requests, ids or dead letters of another node', async () => {
    const node = await startNode('bare', server.url, { auth: auth('bare') }, { acceptRemote: () => undefined });
    const two = node.add('two');
    await node.backend.flush();
    const chatter = 'x'.repeat(60_000);
    for (let n = 0; n < 50; n += 1) {
      evil.publish(`a2a.evil.agent.bare.${two.pid}`, wire({ payload: { Text: chatter } }), {
        reply: `a2a.evil.reply.evil.${String(n).padStart(32, '0')}`,
      });
    }
    evil.publish(`a2a.evil.agent.bare.${two.pid}`, wire({ id: chatter }));
    await evil.flush();
    await until(() => node.backend.stats.refused === 50 && node.backend.stats.malformed === 1);
    expect(node.router.deadLetters.total).toBe(0);
    await node.close();
  });

  it('13: is told at once that its user is not the node it says it is', async () => {
    await expect(
      createNatsBackend({ nodeId: 'asker', servers: server.url, auth: { user: 'asker', pass: 'wrong' } }),
    ).rejects.toMatchObject({
      code: 'ERR_UNAUTHORIZED',
      message: expect.stringContaining('createNatsAuth') as string,
    });
  });

  it('14: ends nothing with frames that are made by hand, on every subject that it may publish on', async () => {
    const two = victim.add('two');
    const [subjects, texts] = [framed(two.pid), forged()];
    const { malformed, received } = victim.backend.stats;
    for (const subject of subjects)
      for (const text of texts) evil.publish(subject, text, { reply: `a2a.evil.reply.evil.${'2'.repeat(32)}` });
    await evil.flush();
    await victim.backend.flush();
    const { stats } = victim.backend;
    expect(stats.malformed - malformed + stats.received - received).toBeGreaterThan(subjects.length);
    expect(stats).toMatchObject({ connected: true, disconnects: 0 });
    expect(two.inbox.size).toBeLessThanOrEqual(texts.length);
    // what it writes is told from what others write, and counted
    expect(lines.filter(({ source }) => source === 'evil').length).toBeLessThan(20);
    await evil.flush();
  });

  it('15: learns nothing about requests of others by coming back from a lost connection, and ends none of them', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    two.provide('audit');
    await victim.backend.flush();
    const heard: string[] = [];
    const [notes, tokens] = [evil.subscribe('a2a.*.node.evil.>'), new Set<string>()];
    const listening = (async () => {
      for await (const msg of notes) {
        if (!msg.subject.endsWith('.check')) continue;
        heard.push(msg.string());
        const heardOn = msg.reply?.split('.').at(-1) ?? '';
        tokens.add(heardOn);
        const { ids } = JSON.parse(msg.string()) as { readonly ids: readonly string[] };
        for (const text of [
          wire({ from: two.pid, correlation_id: ids[0], payload: { Text: 'forged' } }),
          JSON.stringify({ error: { code: 'ERR_CLOSED', message: 'forged' } }),
          JSON.stringify({ absent: ids }),
          '{"absent":[1]}',
          '{"absent":{}}',
          'null',
        ])
          evil.publish(`a2a.evil.reply.asker.${heardOn}`, text);
      }
    })();
    const service = { name: 'audit', version: '1.0.0', metadata: {} };
    const asking = one.request(target.service('audit'), payload.text('?'), { timeoutMs: 10_000 });
    const message = await two.inbox.receive();
    const token = await tokenOf(message);
    announce(1, []);
    await until(() => asker.backend.nodes().some(({ nodeId }) => nodeId === 'evil'));
    announce(2, []);
    announce(3, [service]);
    await until(() => heard.length > 0);
    await evil.flush();
    await asker.backend.flush();
    await message?.reply(payload.text('true'));
    expect(await asking).toMatchObject({ from: two.pid, payload: { text: 'true' } });
    // the subject of the answer is none of those that it heard.
    expect(tokens.has(token)).toBe(false);
    two.withdraw('audit');
    notes.unsubscribe();
    await listening;
  });

  it('and the nodes that it attacked work on', async () => {
    const [one, two] = [asker.add('one'), victim.add('two')];
    void answerAll(two, (message) => payload.text(`hello ${message.fromNode}`));
    two.provide('audit');
    await victim.backend.flush();
    expect(await one.request(target.service('audit'), payload.text('?'))).toMatchObject({
      payload: { text: 'hello asker' },
    });
  });
});

/** Subjects of the ways to the victim that `evil` may use. */
function framed(pid: number): string[] {
  const notes = ['cancel', 'check', 'credit', 'watch', 'unwatch', 'exited', 'unschedule', 'kernel', 'broadcast'];
  return [
    ...[pid, 0, 'x', -1, '01', 99].map((to) => `a2a.evil.agent.victim.${to}`),
    ...notes.map((word) => `a2a.evil.node.victim.${word}`),
    `a2a.evil.reply.victim.${'1'.repeat(32)}`,
    'a2a.evil.presence',
  ];
}

/** A message with each of its fields replaced by values of other kinds, and texts that are no message. */
function forged(): string[] {
  const wrong = [null, -1, 1e308, '', 'x', [], {}, { Text: 'x' }, { Json: { constructor: 1 } }, true, 'x'.repeat(3000)];
  const good = { id: 'f', from: 1, target: 'Kernel', payload: { Text: 'x' }, timestamp: new Date(0).toISOString() };
  const notes = { ids: ['f'], read: 1, pid: 1, by: 1, link: true, code: 0, reason: 'noproc', inbox: 'orders' };
  const rest = 'correlation_id trace_id traceparent left_ms idempotency_key priority durable streamed window part';
  const more = 'epoch sequence confirm deferred error working taken absent services instance ttlMs metadata';
  const fields = [...Object.keys({ ...good, ...notes }), ...rest.split(' '), ...more.split(' ')];
  const texts = fields.flatMap((field) => wrong.map((value) => JSON.stringify({ ...good, ...notes, [field]: value })));
  return [...texts, '', '{', 'null', '[]', '"x"', '\0', '['.repeat(20_000), '{"__proto__":{"id":"x"}}'];
}
