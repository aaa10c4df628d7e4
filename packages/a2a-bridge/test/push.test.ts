import { setImmediate } from 'node:timers/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Task, TaskPushNotificationConfig } from '@a2a-js/sdk';
import { payload } from '@agentwire/a2a-router';
import { AgentwireError, systemClock } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inputRequired } from '../src/index.ts';
import { type LookupAll, postNotification } from '../src/push/post-notification.ts';
import { isPublicAddress } from '../src/push/public-address.ts';
import { type PushJob, PushQueues, type PushTurn } from '../src/push/push-queues.ts';
import { connect, gate, say, setup, taskOf } from './support.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A real receiver of notifications. */
async function receiver(status = 200, headers: Record<string, string> = {}): Promise<{ url: string; got: Received[] }> {
  const got: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      got.push({ headers: request.headers, body: JSON.parse(body) });
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got };
}

const config = (url: string, more: Partial<TaskPushNotificationConfig> = {}): TaskPushNotificationConfig => ({
  tenant: '',
  id: '',
  taskId: '',
  url,
  token: '',
  authentication: undefined,
  ...more,
});
const open = { allowHttp: true, allowPrivateAddresses: true };
const kinds = (got: readonly Received[]): unknown[] => got.map(({ body }) => Object.keys(body as object)[0]);

test('a receiver is told about the task in order, with its token', async () => {
  const hook = await receiver();
  const { url } = await setup(() => payload.text('x'), { push: open });
  const client = await connect(url);
  const push = config(hook.url, { token: 't0ken' });
  await client.sendMessage(say('hi', {}, { taskPushNotificationConfig: push }));
  await expect.poll(() => kinds(hook.got)).toEqual(['task', 'artifactUpdate', 'statusUpdate']);
  expect(hook.got[2]).toMatchObject({
    headers: { 'x-a2a-notification-token': 't0ken', 'content-type': 'application/a2a+json' },
    body: { statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } } },
  });
});

test('receivers are set, read, listed and deleted by the owner of the task only', async () => {
  const hook = await receiver();
  const go = gate();
  const { url } = await setup(
    async () => {
      await go.opened;
      return payload.text('x');
    },
    { push: { ...open, maxConfigsPerTask: 2 } },
  );
  const client = await connect(url);
  const { id: taskId } = taskOf(await client.sendMessage(say('hi', {}, { returnImmediately: true })));
  const authentication = { scheme: 'Bearer', credentials: 'abc' };
  const one = await client.createTaskPushNotificationConfig(config(hook.url, { taskId, id: 'one', authentication }));
  const two = await client.createTaskPushNotificationConfig(config(`${hook.url}2`, { taskId, id: 'two' }));
  expect(await client.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' })).toEqual(one);
  const listed = await client.listTaskPushNotificationConfig({ tenant: '', taskId, pageSize: 0, pageToken: '' });
  expect(listed.configs).toEqual([one, two]);
  await expect(client.createTaskPushNotificationConfig(config(hook.url, { taskId, id: 'three' }))).rejects.toThrow(
    'at most 2',
  );
  await client.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'two' });
  const bob = await connect(url, 'bob');
  await expect(bob.listTaskPushNotificationConfig({ tenant: '', taskId, pageSize: 0, pageToken: '' })).rejects.toThrow(
    'not found',
  );
  go.open();
  await expect.poll(() => kinds(hook.got)).toEqual(['artifactUpdate', 'statusUpdate']);
  expect(hook.got.map(({ headers }) => headers.authorization)).toEqual(['Bearer abc', 'Bearer abc']);
});

test('a task that waits and is canceled is told too', async () => {
  const hook = await receiver();
  const { url } = await setup(() => inputRequired('Which day?'), { push: open });
  const client = await connect(url);
  const { id } = taskOf(await client.sendMessage(say('hi', {}, { taskPushNotificationConfig: config(hook.url) })));
  await client.cancelTask({ tenant: '', id, metadata: undefined });
  await expect.poll(() => kinds(hook.got)).toEqual(['task', 'statusUpdate', 'statusUpdate']);
  expect(hook.got[2]?.body).toMatchObject({ statusUpdate: { status: { state: 'TASK_STATE_CANCELED' } } });
});

describe('a receiver that is not public is refused when it is set', () => {
  test.each([
    'http://example.com/',
    'ftp://example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://10.1.2.3/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://user:password@example.com/',
    'nonsense',
  ])('%s', async (to) => {
    const { url } = await setup(() => payload.text('x'), { push: {} });
    const client = await connect(url);
    const sent = client.sendMessage(say('hi', {}, { taskPushNotificationConfig: config(to) })) as Promise<Task>;
    await expect(sent).rejects.toThrow('a push URL must');
  });
});

test('header text of a receiver cannot carry a line of its own', async () => {
  const { url } = await setup(() => payload.text('x'), { push: open });
  const client = await connect(url);
  const bad = config('http://127.0.0.1:1/', { token: 'a\r\nhost: x' });
  await expect(client.sendMessage(say('hi', {}, { taskPushNotificationConfig: bad }))).rejects.toThrow(
    'printable ASCII',
  );
});

const post = (to: string, more: object = {}): Promise<number> =>
  postNotification(
    to,
    '{}',
    {},
    { allowHttp: true, allowPrivateAddresses: false, timeoutMs: 5000, clock: systemClock, ...more },
  );
const answering =
  (...addresses: string[]): LookupAll =>
  (_host, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

test('the address that a name has at the moment of the connection decides', async () => {
  const hook = await receiver();
  const to = hook.url.replace('127.0.0.1', 'hook.example');
  const refused = { code: 'ERR_INVALID_ADDRESS' };
  await expect(post(to, { lookup: answering('127.0.0.1') })).rejects.toMatchObject(refused);
  await expect(post(to, { lookup: answering('93.184.216.34', '10.0.0.1') })).rejects.toMatchObject(refused);
  await expect(post(to, { lookup: answering() })).rejects.toMatchObject(refused);
  await expect(post(hook.url.replace('127.0.0.1', 'localhost'))).rejects.toMatchObject(refused);
  expect(hook.got).toEqual([]);
  expect(await post(to, { lookup: answering('127.0.0.1'), allowPrivateAddresses: true })).toBe(200);
});

test('names that no server answers take two threads, and those whose time is over none', async () => {
  const clock = createManualClock();
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const lookup: LookupAll = (host, _options, done) => {
    asked.push(host);
    answers.push(() => done(null, []));
  };
  const ended = ['a', 'b', 'c', 'd'].map((name) =>
    post(`http://${name}.example/`, { lookup, clock, timeoutMs: 100 }).catch((error: unknown) => error),
  );
  await expect.poll(() => asked).toEqual(['a.example', 'b.example']);
  clock.advance(100);
  for (const error of await Promise.all(ended)) expect(error).toMatchObject({ code: 'ERR_TIMEOUT' });
  const last = post('http://e.example/', { lookup, clock }).catch((error: unknown) => error);
  await setImmediate();
  expect(asked).toHaveLength(2);
  answers[0]?.();
  await expect.poll(() => asked).toEqual(['a.example', 'b.example', 'e.example']);
  for (const answer of answers) answer();
  expect(await last).toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
});

test('redirects are not followed', async () => {
  const inside = await receiver();
  const hook = await receiver(307, { location: inside.url });
  expect(await post(hook.url, { allowPrivateAddresses: true })).toBe(307);
  expect([hook.got.length, inside.got.length]).toEqual([1, 0]);
});

test('a receiver that does not answer is given up', async () => {
  const clock = createManualClock();
  const asked = gate();
  const server = createServer(() => asked.open());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const posted = post(`http://127.0.0.1:${port}/`, { allowPrivateAddresses: true, clock, timeoutMs: 100 }).catch(
    (error: unknown) => error,
  );
  await asked.opened;
  clock.advance(100);
  expect(await posted).toBeInstanceOf(AgentwireError);
  expect(await posted).toMatchObject({ code: 'ERR_TIMEOUT' });
});

test.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['0.0.0.0', false],
  ['100.64.0.1', false],
  ['172.31.255.255', false],
  ['172.32.0.1', true],
  ['192.168.0.1', false],
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['64:ff9b::7f00:1', false],
  ['2001:db8::1', false],
  ['2002:7f00:1::', false],
  ['ff02::1', false],
  ['nonsense', false],
])('%s is public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

describe('notifications that wait', () => {
  const job = (body: string): PushJob => ({ body, configs: [] });
  const turnOf = (queues: PushQueues): PushTurn => {
    const turn = queues.take();
    if (turn === undefined) throw new Error('no task has its turn');
    return turn;
  };
  const drain = (queues: PushQueues): string[] => {
    const bodies: string[] = [];
    for (let turn = queues.take(); turn !== undefined; turn = queues.take())
      for (let next = turn.next(); next !== undefined; next = turn.next()) bodies.push(next.body.trim());
    return bodies;
  };

  test('are bounded in bytes, of which one caller has half, and its oldest are dropped', () => {
    const dropped: string[] = [];
    const bounds = { maxQueued: 100, maxQueuedBytes: 80_000, maxConcurrent: 4 };
    const queues = new PushQueues(bounds, (taskId) => dropped.push(taskId));
    const padded = (name: string): PushJob => job(name.padEnd(9000));
    for (let n = 0; n < 6; n += 1) queues.add('alice', `a${n}`, padded(`a${n}`));
    expect(dropped).toEqual(['a0', 'a1']);
    for (let n = 0; n < 3; n += 1) queues.add('alice', 'a5', padded(`more${n}`));
    expect(dropped).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
    queues.add('bob', 'b', padded('b'));
    queues.add('bob', 'b', job('x'.repeat(50_000)));
    expect(dropped).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'b']);
    queues.add('bob', 'b', padded('b again'));
    expect(drain(queues)).toEqual(['a5', 'more0', 'more1', 'more2', 'b', 'b again']);
    expect(queues.size).toBe(0);
    // all bytes are given back
    for (let n = 0; n < 4; n += 1) queues.add('alice', `a${n}`, padded(`a${n}`));
    expect(dropped).toHaveLength(6);
  });

  test('are bounded for each task', () => {
    const bounds = { maxQueued: 2, maxQueuedBytes: 80_000, maxConcurrent: 4 };
    const queues = new PushQueues(bounds, () => undefined);
    for (let n = 0; n < 5; n += 1) queues.add('alice', 'a', job(`${n}`));
    expect(drain(queues)).toEqual(['3', '4']);
  });

  test('of a caller whose receivers are slow leave half of the posts to others', () => {
    const bounds = { maxQueued: 100, maxQueuedBytes: 80_000, maxConcurrent: 4 };
    const queues = new PushQueues(bounds, () => undefined);
    for (let n = 0; n < 10; n += 1) queues.add('slow', `s${n}`, job(`s${n}`));
    const [one, two] = [turnOf(queues), turnOf(queues)];
    expect([one.next()?.body, two.next()?.body, queues.take()]).toEqual(['s0', 's1', undefined]);
    for (const owner of ['bob', 'carol', 'dave']) queues.add(owner, owner, job(owner));
    expect([turnOf(queues).taskId, turnOf(queues).taskId, queues.take()]).toEqual(['bob', 'carol', undefined]);
    expect(one.next()).toBeUndefined();
    expect([turnOf(queues).taskId, queues.take()]).toEqual(['dave', undefined]);
    expect(two.next()).toBeUndefined();
    expect(turnOf(queues).taskId).toBe('s2');
  });
});
