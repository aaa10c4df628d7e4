import { setImmediate } from 'node:timers/promises';
import { AgentCard, type StreamResponse, Task, TaskState } from '@a2a-js/sdk';
import { TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { payload } from '@agentwire/a2a-router';
import { createManualClock } from '@agentwire/core/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { inputRequired, MemoryTaskStore, progress } from '../src/index.ts';
import { connect, gate, resultOf, saidBy, say, setup, taskOf } from './support.ts';

test('the agent card says what the service can do', async () => {
  const { url, bridge } = await setup(() => payload.text('x'), { skills: { sum: { description: 'Adds.' } } }, [
    'sum',
    'split',
  ]);
  const response = await fetch(new URL('/.well-known/agent-card.json', url));
  const card = AgentCard.fromJSON(await response.json());
  expect(card).toEqual(bridge.card);
  expect(card).toMatchObject({
    name: 'oracle',
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: true, pushNotifications: false },
    securitySchemes: { bearer: { scheme: { $case: 'httpAuthSecurityScheme', value: { scheme: 'Bearer' } } } },
    securityRequirements: [{ schemes: { bearer: {} } }],
    skills: [
      { id: 'sum', description: 'Adds.' },
      { id: 'split', tags: ['oracle'] },
    ],
  });
});

test('a blocking message is answered with a completed task, which can be fetched', async () => {
  const { url } = await setup((message) =>
    payload.text(`${message.payload.kind === 'text' ? message.payload.text : ''}!`),
  );
  const client = await connect(url);
  const task = taskOf(await client.sendMessage(say('hi')));
  expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
  expect(resultOf(task)).toEqual(['hi!']);
  const fetched = await client.getTask({ tenant: '', id: task.id });
  expect(Task.toJSON(fetched)).toEqual(Task.toJSON(task));
  expect(fetched.history.map(({ parts }) => parts[0]?.content?.value as unknown)).toEqual(['hi']);
});

test('the message comes from the process of the caller, with the task as its trace id', async () => {
  const seen: unknown[] = [];
  const { url, alice } = await setup(
    (message) => {
      seen.push({ from: message.from, traceId: message.traceId, target: message.target, payload: message.payload });
      return payload.json({ ok: true });
    },
    {},
    ['sum'],
  );
  const client = await connect(url);
  const data = {
    content: { $case: 'data' as const, value: { list: [1, 2] } },
    mediaType: '',
    filename: '',
    metadata: undefined,
  };
  const task = taskOf(await client.sendMessage(say('', { parts: [data], metadata: { skill: 'sum' } })));
  expect(resultOf(task)).toEqual([{ ok: true }]);
  expect(seen).toEqual([
    {
      from: alice,
      traceId: task.id,
      target: { kind: 'serviceMethod', service: 'oracle', method: 'sum' },
      payload: { kind: 'json', value: { list: [1, 2] } },
    },
  ]);
  const unknown = taskOf(await client.sendMessage(say('', { metadata: { skill: 'nope' } })));
  expect([unknown.status?.state, unknown.status?.message?.metadata]).toEqual([
    TaskState.TASK_STATE_FAILED,
    { code: 'ERR_SERVICE_NOT_FOUND' },
  ]);
});

test('thousands of small parts without a pause reach a client whole and in order, in few events that are each kept', async () => {
  const taskStore = new MemoryTaskStore();
  const save = vi.spyOn(taskStore, 'save');
  const words = Array.from({ length: 5_000 }, (_, at) => `word ${at} `);
  const { url } = await setup(
    async (message) => {
      for (const word of words) await message.reply.write(payload.text(word));
      await message.reply.end();
    },
    { taskStore },
  );
  const client = await connect(url);
  const got: unknown[] = [];
  let events = 0;
  for await (const { payload: event } of client.sendMessageStream(say('count'))) {
    events += 1;
    if (event?.$case === 'artifactUpdate')
      got.push(...(event.value.artifact?.parts ?? []).map(({ content }) => content?.value));
  }
  expect(got).toEqual(words);
  expect(events).toBeLessThan(400);
  expect(save.mock.calls.length).toBeLessThan(400);
});

test('parts that come one by one are events of their own at first, and share them once the result is long', async () => {
  const clock = createManualClock();
  const taskStore = new MemoryTaskStore();
  const save = vi.spyOn(taskStore, 'save');
  const count = 2_000;
  const [written, end] = [gate(), gate()];
  const { url } = await setup(
    async (message) => {
      for (let n = 0; n < count; n += 1) {
        await message.reply.write(payload.text(`${n}`));
        await setImmediate();
        await setImmediate();
      }
      written.open();
      await end.opened;
      await message.reply.end();
    },
    { taskStore, clock },
  );
  const client = await connect(url);
  const task = taskOf(await client.sendMessage(say('count', {}, { returnImmediately: true })));
  await written.opened;
  const kept = async (): Promise<number> =>
    resultOf(await client.getTask({ tenant: '', id: task.id, historyLength: undefined })).length;
  expect(await kept()).toBeLessThan(count);
  // what waits is published after its pause, whether more comes or not
  clock.advance(100);
  await expect.poll(kept).toBe(count);
  end.open();
  await expect
    .poll(async () => (await client.getTask({ tenant: '', id: task.id })).status?.state)
    .toBe(TaskState.TASK_STATE_COMPLETED);
  expect(resultOf(await client.getTask({ tenant: '', id: task.id }))).toEqual(
    Array.from({ length: count }, (_, n) => `${n}`),
  );
  expect(save.mock.calls.length).toBeGreaterThan(30);
  expect(save.mock.calls.length).toBeLessThan(150);
});

test('a task that is worked on is not known to another caller', async () => {
  const { url } = await setup(
    (message) =>
      new Promise((resolve) => {
        message.signal.addEventListener('abort', () => resolve(payload.text('late')));
      }),
  );
  const alice = await connect(url);
  const bob = await connect(url, 'bob');
  const stream = alice.sendMessageStream(say('wait'))[Symbol.asyncIterator]();
  const { value } = (await stream.next()) as { value: StreamResponse };
  const id = value.payload?.$case === 'task' ? value.payload.value.id : '';
  await expect(bob.sendMessage(say('x', { taskId: id }))).rejects.toBeInstanceOf(TaskNotFoundError);
  await expect(bob.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toBeInstanceOf(TaskNotFoundError);
  await expect(alice.sendMessage(say('x', { taskId: id }))).rejects.toBeInstanceOf(UnsupportedOperationError);
  const canceled = await alice.cancelTask({ tenant: '', id, metadata: undefined });
  expect(canceled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
  await stream.return?.();
});

test('a stream has the task, its progress, the parts in order, and the end', async () => {
  const { url } = await setup(async (message) => {
    await message.reply.write(progress('thinking'));
    for (const word of ['one', 'two', 'three']) await message.reply.write(payload.text(word));
    await message.reply.end();
  });
  const client = await connect(url);
  const events: unknown[] = [];
  for await (const { payload: event } of client.sendMessageStream(say('count'))) {
    if (event?.$case === 'task') events.push(['task', event.value.status?.state]);
    if (event?.$case === 'statusUpdate')
      events.push(['status', event.value.status?.state, event.value.status?.message?.parts[0]?.content?.value]);
    if (event?.$case === 'artifactUpdate')
      // parts of one turn are one event
      for (const [at, { content }] of (event.value.artifact?.parts ?? []).entries())
        events.push([at > 0 || event.value.append, content?.value]);
  }
  expect(events).toEqual([
    ['task', TaskState.TASK_STATE_WORKING],
    ['status', TaskState.TASK_STATE_WORKING, 'thinking'],
    [false, 'one'],
    [true, 'two'],
    [true, 'three'],
    ['status', TaskState.TASK_STATE_COMPLETED, undefined],
  ]);
  const { tasks } = await client.listTasks({
    tenant: '',
    contextId: '',
    status: 0,
    pageToken: '',
    statusTimestampAfter: undefined,
    includeArtifacts: true,
  });
  expect(tasks.map(resultOf)).toEqual([['one', 'two', 'three']]);
});

test('cancel aborts the signal of the handler', async () => {
  const started = gate();
  const aborted = gate();
  const { url, bridge } = await setup(async (message) => {
    started.open();
    await new Promise<void>((resolve) => message.signal.addEventListener('abort', () => resolve()));
    aborted.open();
  });
  const client = await connect(url);
  const task = taskOf(await client.sendMessage(say('wait', {}, { returnImmediately: true })));
  expect(task.status?.state).toBe(TaskState.TASK_STATE_WORKING);
  await started.opened;
  const canceled = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined });
  expect(canceled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
  await aborted.opened;
  expect(bridge.activeTasks).toBe(0);
  const again = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined });
  expect(again.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
});

test('a question is answered by the next message of the task', async () => {
  const { url } = await setup((message) => {
    const text = message.payload.kind === 'text' ? message.payload.text : '';
    return text === 'book' ? inputRequired('Which day?') : payload.text(`booked ${text}`);
  });
  const client = await connect(url);
  const asked = taskOf(await client.sendMessage(say('book')));
  expect([asked.status?.state, saidBy(asked)]).toEqual([TaskState.TASK_STATE_INPUT_REQUIRED, 'Which day?']);
  const done = taskOf(await client.sendMessage(say('Monday', { taskId: asked.id })));
  expect(done).toMatchObject({
    id: asked.id,
    contextId: asked.contextId,
    status: { state: TaskState.TASK_STATE_COMPLETED },
  });
  expect(resultOf(done)).toEqual(['booked Monday']);
  expect(done.history.map(({ parts }) => parts[0]?.content?.value as unknown)).toEqual([
    'book',
    'Which day?',
    'Monday',
  ]);
  await expect(client.sendMessage(say('Tuesday', { taskId: asked.id }))).rejects.toBeInstanceOf(
    UnsupportedOperationError,
  );
});

test('a task that waits can be canceled', async () => {
  const { url } = await setup(() => inputRequired('Which day?'));
  const client = await connect(url);
  const { id } = taskOf(await client.sendMessage(say('book')));
  const canceled = await client.cancelTask({ tenant: '', id, metadata: undefined });
  expect(canceled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
});

test('several clients follow one task, and one message at a time works on it', async () => {
  const go = gate();
  const { url } = await setup(async (message) => {
    await go.opened;
    await message.reply.write(payload.text('a'));
    await message.reply.end();
  });
  const client = await connect(url);
  const { id } = taskOf(await client.sendMessage(say('go', {}, { returnImmediately: true })));
  await expect(client.sendMessage(say('more', { taskId: id }))).rejects.toThrow('being worked on');
  const follow = async (): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for await (const { payload: event } of client.resubscribeTask({ tenant: '', id })) {
      seen.push(event?.$case);
      if (seen.length === 1) waiting.push(undefined);
      if (waiting.length === 2) go.open();
    }
    return seen;
  };
  const waiting: undefined[] = [];
  expect(await Promise.all([follow(), follow()])).toEqual([
    ['task', 'artifactUpdate', 'statusUpdate'],
    ['task', 'artifactUpdate', 'statusUpdate'],
  ]);
});

test('a caller that is not authenticated reaches nothing, and no caller reaches tasks of another one', async () => {
  const { url } = await setup(() => payload.text('secret'));
  const alice = await connect(url);
  const { id } = taskOf(await alice.sendMessage(say('hi')));
  const mallory = await connect(url, 'mallory');
  await expect(mallory.sendMessage(say('hi'))).rejects.toThrow('not authenticated');
  const bob = await connect(url, 'bob');
  await expect(bob.getTask({ tenant: '', id })).rejects.toBeInstanceOf(TaskNotFoundError);
  await expect(bob.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toBeInstanceOf(TaskNotFoundError);
  await expect(bob.sendMessage(say('x', { taskId: id }))).rejects.toBeInstanceOf(TaskNotFoundError);
  const refused = taskOf(await bob.sendMessage(say('hi')));
  expect([refused.status?.state, refused.status?.message?.metadata]).toEqual([
    TaskState.TASK_STATE_REJECTED,
    { code: 'ERR_CAPABILITY_DENIED' },
  ]);
});

test('a task that many clients subscribe to is no leak of listeners that node warns of', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const end = gate();
  const { url } = await setup(async () => {
    await end.opened;
    return payload.text('done');
  });
  const client = await connect(url);
  const { id } = taskOf(await client.sendMessage(say('wait', {}, { returnImmediately: true })));
  const streams = Array.from({ length: 12 }, () => client.resubscribeTask({ tenant: '', id })[Symbol.asyncIterator]());
  await Promise.all(streams.map((stream) => stream.next()));
  end.open();
  for (const stream of streams) while ((await stream.next()).done !== true);
  expect(warnings).toEqual([]);
});
