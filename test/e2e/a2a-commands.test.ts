import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { payload, target } from '@agentwire/a2a-router';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type TestNode, until } from '../../packages/a2a-nats/test/node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from '../../packages/a2a-nats/test/server.ts';
import { agentwire, start } from './command-line.ts';

describe.skipIf(!hasServer)(`agentwire a2a on a real nats-server${unlessServer}`, { timeout: 90_000 }, () => {
  let server: TestServer;
  let shop: TestNode;
  let pid = 0;
  beforeAll(async () => {
    server = await startServer();
    shop = await startNode('shop', server.url, { version: '1.2.3', durable: {}, presenceIntervalMs: 100 });
    const agent = shop.add('clerk');
    ({ pid } = agent);
    agent.provide('sums', { version: '2.0.0', description: 'adds', methods: ['add', 'fail', 'count'] });
    void agent.serve(async (message) => {
      const { target: to } = message;
      const method = to.kind === 'serviceMethod' ? to.method : '';
      if (method === 'fail') throw new Error('cannot');
      if (method !== 'count') return payload.json([message.payload.kind, message.fromNode ?? '']);
      for (const part of ['one', 'two']) await message.reply.write(payload.text(part));
      await message.reply.end();
      return undefined;
    });
    await shop.backend.flush();
  });
  afterAll(async () => {
    await shop.close();
    await server.stop();
  });

  test('request prints the answer, or its parts, and ends with 1 when there is none', async () => {
    const ask = (...args: string[]): ReturnType<typeof agentwire> => agentwire('a2a', 'request', server.url, ...args);
    const good = await ask('service:sums#add', '[1,2]', '--payload-json', '--node', 'me');
    expect(good).toMatchObject({ status: 0, stdout: '["json","me"]\n' });
    const json = await ask(`shop/${pid}`, 'hi', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ node: 'shop', message: { from: pid } });
    expect(await ask('service:sums#count', '', '--stream')).toMatchObject({ status: 0, stdout: 'one\ntwo\n' });
    expect(await ask('service:sums#fail', '')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('cannot') as string,
    });
    expect(await ask('service:nothing', '')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('ERR_NO_RESPONDERS') as string,
    });
  });

  test.each([
    ['Ctrl-C', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
  ] as const)('request that %s ends tells the one who works on it', async (_name, signal, status) => {
    const agent = shop.add('endless');
    agent.provide(`endless-${signal}`);
    const command = start(
      'a2a',
      'request',
      server.url,
      `service:endless-${signal}`,
      'x',
      '--stream',
      '--timeout-ms',
      '86400000',
    );
    const message = await agent.inbox.receive({ timeoutMs: 60_000 });
    const ended = once(command.child, 'close');
    await message?.reply.write(payload.text('part'));
    await command.line('part');
    const given = message?.signal;
    command.child.kill(signal);
    expect(await ended).toEqual([status, null]);
    await until(() => given?.aborted === true);
    expect(given?.reason).toMatchObject({ code: 'ERR_ABORTED' });
    shop.router.processTable.remove(agent.pid);
  });

  test('request whose reader ends tells the one who works on it', async () => {
    const agent = shop.add('endless');
    agent.provide('endless');
    const { child } = start(
      'a2a',
      'request',
      server.url,
      'service:endless',
      'x',
      '--stream',
      '--timeout-ms',
      '86400000',
    );
    const message = await agent.inbox.receive({ timeoutMs: 60_000 });
    const given = message?.signal;
    const ended = once(child, 'close');
    child.stdout?.destroy();
    const writing = (async () => {
      for (;;) await message?.reply.write(payload.text('part'));
    })().catch((error: unknown) => error);
    await until(() => given?.aborted === true);
    expect(await ended).toEqual([141, null]);
    expect(await writing).toMatchObject({ code: 'ERR_REQUEST_ENDED' });
    shop.router.processTable.remove(agent.pid);
  });

  test('tail that is ended while it connects ends at once', async () => {
    const silent = createServer();
    const asked = once(silent, 'connection');
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { child } = start('a2a', 'tail', `nats://127.0.0.1:${port}`);
    await asked;
    const ended = once(child, 'close');
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    silent.close();
  });

  test('send hands a message over and reports it', async () => {
    const inbox = shop.add('reader');
    const sent = await agentwire('a2a', 'send', server.url, `shop/${inbox.pid}`, 'hello', '--json');
    expect(sent.status).toBe(0);
    const report = JSON.parse(sent.stdout) as { messageId: string };
    expect(report).toMatchObject({ remote: 1, rejected: [] });
    expect(await inbox.inbox.receive()).toMatchObject({ id: report.messageId, payload: { text: 'hello' } });
    const none = await agentwire('a2a', 'send', 'nats://me:secret@127.0.0.1:1', 'topic:x', 'y');
    expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/ERR_CONNECT .*127\.0\.0\.1:1/) as string });
    expect(none.stderr).not.toContain('secret');
  });

  test('nodes and services list who is there', async () => {
    const list = async (name: string): Promise<unknown> => {
      const { status, stdout } = await agentwire('a2a', name, server.url, '--json', '--wait-ms', '1000');
      expect(status).toBe(0);
      return JSON.parse(stdout);
    };
    expect(await list('nodes')).toMatchObject({ nodes: [{ nodeId: 'shop', version: '1.2.3', conflict: false }] });
    expect(await list('services')).toMatchObject({
      services: [
        { name: 'sums', version: '2.0.0', nodes: ['shop'], methods: ['add', 'fail', 'count'], conflict: false },
      ],
    });
    const text = await agentwire('a2a', 'services', server.url, '--wait-ms', '1000');
    expect(text.stdout).toBe('sums (add, fail, count) 2.0.0 on shop adds\n');
    const other = await agentwire('a2a', 'nodes', server.url, '--prefix', 'other');
    expect(other).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining('no node announced itself under other.>') as string,
    });
  });

  test('dead-letters lists what an inbox gave up, and puts it back', async () => {
    let works = false;
    const handled: unknown[] = [];
    const handler = async (message: { payload: unknown }): Promise<void> => {
      await Promise.resolve();
      if (!works) throw new Error('not now');
      handled.push(message.payload);
    };
    const inbox = await shop.backend.openInbox('orders', handler, { maxDeliver: 1 });
    const me = await startNode('me', server.url, { durable: {} });
    const to = target.remoteNode('shop', target.service('orders'));
    for (const text of ['a', 'b']) await me.add('sender').send(to, payload.text(text), { durable: true });
    await until(() => inbox.stats.dead === 2);
    await me.close();
    const run = (...args: string[]): ReturnType<typeof agentwire> =>
      agentwire('a2a', 'dead-letters', server.url, 'orders', '--node', 'shop', ...args);
    const { letters } = JSON.parse((await run('--json')).stdout) as { letters: { sequence: number; why: string }[] };
    expect(letters).toMatchObject([{ reason: 'handler_failed', source: 'me' }, { why: 'not now' }]);
    works = true;
    const [first] = letters;
    expect(await run('--redrive', String(first?.sequence))).toMatchObject({
      status: 0,
      stdout: `put back: ${first?.sequence}\n`,
    });
    expect(JSON.parse((await run('--redrive', '--json')).stdout)).toEqual({ redriven: [letters[1]?.sequence] });
    await until(() => handled.length === 2);
    expect(await run('--redrive', '999')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no dead letter 999') as string,
    });
    expect(await run()).toMatchObject({ status: 0, stderr: 'inbox orders of node shop has no dead letters\n' });
    for (const [name, node] of [
      ['order', 'shop'],
      ['orders', 'shpo'],
    ] as const) {
      const none = await agentwire('a2a', 'dead-letters', server.url, name, '--node', node);
      expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('ERR_NO_INBOX') as string });
    }
  });

  test('wrong use ends with 2 and the line that would be right', async () => {
    for (const [args, example] of [
      [['send', server.url, 'nowhere', 'x'], 'agentwire a2a send'],
      [['request', server.url, 'service:', 'x'], 'agentwire a2a request'],
      [['request', server.url, 'service:x', '{', '--payload-json'], 'agentwire a2a request'],
      [['request', server.url, 'service:x', '@/does/not/exist'], 'agentwire a2a request'],
      [['request', server.url, 'service:x', 'x', '--timeout-ms', '0'], 'milliseconds'],
      [['nodes', server.url, '--user', 'x'], 'agentwire a2a nodes'],
      [['dead-letters', server.url, 'orders'], 'agentwire a2a dead-letters'],
    ] as const) {
      const { status, stderr } = await agentwire('a2a', ...args);
      expect(status, stderr).toBe(2);
      expect(stderr).toContain(example);
    }
  });
});
