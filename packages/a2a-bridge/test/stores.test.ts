import { Kvm } from '@nats-io/kv';
import { connect as connectNats } from '@nats-io/transport-node';
import { type ListTasksRequest, type Task, TaskState } from '@a2a-js/sdk';
import { ServerCallContext, type TaskStore } from '@a2a-js/sdk/server';
import { payload } from '@agentwire/a2a-router';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CallingUser } from '../src/call-context.ts';
import { inputRequired, KvTaskStore, MemoryTaskStore } from '../src/index.ts';
import { hasServer, startServer, unlessServer } from '../../a2a-nats/test/server.ts';
import { connect, resultOf, say, setup, taskOf, textPart } from './support.ts';

const by = (user: string | undefined): ServerCallContext =>
  new ServerCallContext({ user: new CallingUser(user, 1, new AbortController().signal) });
const task = (id: string, second: number, more: Partial<Task> = {}): Task => ({
  id,
  contextId: `context-${second % 2}`,
  status: { state: TaskState.TASK_STATE_COMPLETED, message: undefined, timestamp: `2026-01-01T00:00:0${second}.000Z` },
  artifacts: [
    { artifactId: 'a', name: '', description: '', parts: [textPart('x')], metadata: undefined, extensions: [] },
  ],
  history: [],
  metadata: undefined,
  ...more,
});
const asking = (more: Partial<ListTasksRequest> = {}): ListTasksRequest => ({
  tenant: '',
  contextId: '',
  status: 0,
  pageToken: '',
  statusTimestampAfter: undefined,
  ...more,
});
const note = (at: number) => ({ ...say(`message ${at}`).message!, messageId: `m${at}` });

/** A bucket on a real server, which outlives its users. */
async function bucket(): Promise<ConstructorParameters<typeof KvTaskStore>[0]> {
  const server = await startServer();
  const connection = await connectNats({ servers: server.url });
  onTestFinished(async () => {
    await connection.close();
    await server.stop();
  });
  return new Kvm(connection).create('tasks', { history: 1 });
}

const stores: [string, boolean, () => Promise<TaskStore>][] = [
  ['in memory', true, async () => new MemoryTaskStore()],
  [`on JetStream${unlessServer}`, hasServer, async () => new KvTaskStore(await bucket())],
];

describe.each(stores)('a store %s', (_name, runs, make) => {
  test.skipIf(!runs)('keeps tasks by owner, as they were', async () => {
    const store = await make();
    const kept = task('t1', 1, { history: [note(1)] });
    await store.save(kept, by('alice'));
    expect(await store.load('t1', by('alice'))).toEqual(kept);
    expect(await store.load('t1', by('bob'))).toBeUndefined();
    expect(await store.load('t1', by(undefined))).toBeUndefined();
    expect(await store.load('*', by('alice'))).toBeUndefined();
    expect((await store.list(asking(), by('bob'))).tasks).toEqual([]);
  });

  test.skipIf(!runs)('lists latest first, in pages, by context, state and time', async () => {
    const store = await make();
    for (const at of [1, 3, 2, 4]) await store.save(task(`t${at}`, at), by('alice'));
    const ids = async (more: Partial<ListTasksRequest>): Promise<string[]> =>
      (await store.list(asking(more), by('alice'))).tasks.map(({ id }) => id);
    const first = await store.list(asking({ pageSize: 3 }), by('alice'));
    expect(first).toMatchObject({ totalSize: 4, pageSize: 3 });
    expect(first.tasks.map(({ id }) => id)).toEqual(['t4', 't3', 't2']);
    expect(first.tasks[0]?.artifacts).toEqual([]);
    expect(await ids({ pageSize: 3, pageToken: first.nextPageToken })).toEqual(['t1']);
    expect(await ids({ contextId: 'context-0' })).toEqual(['t4', 't2']);
    expect(await ids({ status: TaskState.TASK_STATE_WORKING })).toEqual([]);
    expect(await ids({ statusTimestampAfter: '2026-01-01T00:00:02.000Z' })).toEqual(['t4', 't3']);
    await expect(ids({ pageToken: 'eA' })).rejects.toThrow('pageToken');
  });
});

test('a task keeps its latest messages within its bounds, and one that is too long is refused', async () => {
  const store = new MemoryTaskStore({ maxHistory: 3, maxTaskBytes: 16_384 });
  await store.save(task('t', 1, { history: [1, 2, 3, 4].map(note) }), by('alice'));
  expect((await store.load('t', by('alice')))?.history.map(({ messageId }) => messageId)).toEqual(['m2', 'm3', 'm4']);
  const long = { ...note(1), parts: [textPart('x'.repeat(16_300))] };
  await store.save(task('t', 1, { history: [long, note(2)] }), by('alice'));
  expect((await store.load('t', by('alice')))?.history.map(({ messageId }) => messageId)).toEqual(['m2']);
  await expect(store.save(task('t', 1, { metadata: { x: 'x'.repeat(17_000) } }), by('alice'))).rejects.toMatchObject({
    code: 'ERR_MESSAGE_TOO_LARGE',
  });
});

test('a store in memory is bounded in number, for each caller, in bytes and in age', async () => {
  const clock = createManualClock();
  const store = new MemoryTaskStore({ maxTasks: 3, maxTasksPerCaller: 2, maxBytes: 2048, maxAgeMs: 1000, clock });
  const has = async (id: string, user = 'alice'): Promise<boolean> => (await store.load(id, by(user))) !== undefined;
  await store.save(task('b1', 1), by('bob'));
  for (const at of [1, 2, 3]) await store.save(task(`a${at}`, at), by('alice'));
  expect([await has('b1', 'bob'), await has('a1'), await has('a2'), await has('a3')]).toEqual([
    true,
    false,
    true,
    true,
  ]);
  await store.save(task('c1', 1), by('carol'));
  expect([await has('b1', 'bob'), store.size]).toEqual([false, 3]);
  await store.save(task('d1', 1, { metadata: { x: 'x'.repeat(1600) } }), by('dave'));
  expect([await has('a3'), await has('c1', 'carol'), await has('d1', 'dave')]).toEqual([false, true, true]);
  clock.advance(1001);
  expect(store.size).toBe(0);
});

test('a caller with more than half of the bytes makes the room for others, and may have all of it before', async () => {
  const store = new MemoryTaskStore({ maxBytes: 100_000 });
  const has = async (id: string, user: string): Promise<boolean> => (await store.load(id, by(user))) !== undefined;
  const large = { metadata: { x: 'x'.repeat(9000) } };
  await store.save(task('bob', 1, large), by('bob'));
  for (let n = 0; n < 30; n += 1) await store.save(task(`a${n}`, 1, large), by('alice'));
  expect(await has('bob', 'bob')).toBe(true);
  await store.save(task('carol', 1, large), by('carol'));
  expect([await has('bob', 'bob'), await has('carol', 'carol'), await has('a29', 'alice')]).toEqual([true, true, true]);
  expect(store.size).toBe(10);
});

describe.each(stores)('pages of a store %s', (_name, runs, make) => {
  test.skipIf(!runs)('end where they are long in bytes, and all pages have every task once', async () => {
    const store = await make();
    const text = 'x'.repeat(900_000);
    for (let n = 0; n < 24; n += 1) await store.save(task(`t${n}`, n % 10, { metadata: { text, at: n } }), by('alice'));
    const found: string[] = [];
    const sizes: number[] = [];
    let pageToken = '';
    do {
      const page = await store.list(asking({ pageSize: 50, pageToken, includeArtifacts: true }), by('alice'));
      expect(page.totalSize).toBe(24);
      sizes.push(page.tasks.length);
      found.push(...page.tasks.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(Math.max(...sizes)).toBe(10);
    expect(new Set(found).size).toBe(24);
    expect(found).toHaveLength(24);
  });
});

test.skipIf(!hasServer)(
  `tasks outlive the bridge on JetStream: they are found, continued and canceled after a restart${unlessServer}`,
  async () => {
    const kept = await bucket();
    const handler: Parameters<typeof setup>[0] = ({ payload: asked }) =>
      asked.kind === 'text' && asked.text.startsWith('book') ? inputRequired('Which day?') : payload.text('booked');
    const before = await setup(handler, { taskStore: new KvTaskStore(kept) });
    const first = await connect(before.url);
    const { id } = taskOf(await first.sendMessage(say('book')));
    const other = taskOf(await first.sendMessage(say('book too')));
    await before.bridge.close();

    const after = await setup(handler, { taskStore: new KvTaskStore(kept) });
    const client = await connect(after.url);
    expect((await client.getTask({ tenant: '', id })).status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const done = taskOf(await client.sendMessage(say('Monday', { taskId: id })));
    expect([done.id, done.status?.state, resultOf(done)]).toEqual([id, TaskState.TASK_STATE_COMPLETED, ['booked']]);
    const canceled = await client.cancelTask({ tenant: '', id: other.id, metadata: undefined });
    expect(canceled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await client.listTasks(asking())).tasks).toHaveLength(2);
  },
);
