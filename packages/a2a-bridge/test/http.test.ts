import { connect as connectSocket } from 'node:net';
import { TaskState } from '@a2a-js/sdk';
import { payload } from '@agentwire/a2a-router';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { MemoryTaskStore } from '../src/index.ts';
import { connect, gate, resultOf, saidBy, say, setup, taskOf } from './support.ts';

const call = (method: string, params: unknown, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });
const message = { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'hi' }] };

async function post(
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', authorization: 'Bearer alice', ...headers },
  });
  return { status: response.status, body: await response.json() };
}

describe('what is no call is refused with the code of the protocol', () => {
  test.each([
    ['no JSON', '{', {}, -32700],
    ['a batch', `[${call('GetTask', {})}]`, {}, -32600],
    ['another id', call('GetTask', { id: 'x' }, { a: 1 }), {}, -32600],
    ['an unknown method', call('Nope', {}), {}, -32601],
    ['params that are a list', call('GetTask', []), {}, -32602],
    ['no task id', call('GetTask', {}), {}, -32602],
    ['no message', call('SendMessage', {}), {}, -32602],
    ['a message without parts', call('SendMessage', { message: { ...message, parts: [] } }), {}, -32602],
    ['a part without content', call('SendMessage', { message: { ...message, parts: [{}] } }), {}, -32602],
    ['a message without role', call('SendMessage', { message: { ...message, role: undefined } }), {}, -32602],
    ['a message of the agent', call('SendMessage', { message: { ...message, role: 'ROLE_AGENT' } }), {}, -32602],
    ['a message without id', call('SendMessage', { message: { ...message, messageId: '' } }), {}, -32602],
    [
      'an id that is too long',
      call('SendMessage', { message: { ...message, contextId: 'x'.repeat(129) } }),
      {},
      -32602,
    ],
    ['a skill that is no name', call('SendMessage', { message: { ...message, metadata: { skill: 5 } } }), {}, -32602],
    ['a negative history length', call('ListTasks', { historyLength: -1 }), {}, -32602],
    ['a time that is none', call('ListTasks', { statusTimestampAfter: 'yesterday' }), {}, -32602],
    ['a time that is a number', call('ListTasks', { statusTimestampAfter: '-1' }), {}, -32602],
    ['a page that is too long', call('ListTasks', { pageSize: 101 }), {}, -32602],
    ['a tenant', call('SendMessage', { message, tenant: 'other' }), {}, -32602],
    ['an unknown task', call('GetTask', { id: 'x' }), {}, -32001],
    ['a stream about an unknown task', call('SubscribeToTask', { id: 'x' }), {}, -32001],
    ['push where there is none', call('CreateTaskPushNotificationConfig', { taskId: 'x' }), {}, -32003],
    ['another media type', call('GetTask', { id: 'x' }), { 'content-type': 'text/plain' }, -32005],
    ['another version', call('GetTask', { id: 'x' }), { 'a2a-version': '9.9' }, -32009],
    ['no version, which is 0.3', call('GetTask', { id: 'x' }), { 'a2a-version': '' }, -32009],
  ])('%s', async (_name, body, headers, code) => {
    const { url } = await setup(() => payload.text('x'));
    expect(await post(url, body, headers)).toMatchObject({ status: 200, body: { jsonrpc: '2.0', error: { code } } });
  });
});

test.each(['data', 'metadata'])(
  'a body that is nested deeply is refused before it is read any further: %s',
  async (where) => {
    const lines: unknown[] = [];
    const log = (fields: unknown): void => void lines.push(fields);
    const { url } = await setup(() => payload.text('x'), { logger: { debug: log, info: log, warn: log, error: log } });
    const nested = (levels: number): Promise<{ body: unknown }> => {
      const params =
        where === 'data'
          ? { message: { ...message, parts: [{ data: '?' }] } }
          : { message: { ...message, metadata: { deep: '?' } } };
      return post(
        url,
        call('SendMessage', params).replace('"?"', () => '['.repeat(levels) + ']'.repeat(levels)),
      );
    };
    expect((await nested(50)).body).toHaveProperty('result');
    for (const levels of [130, 5000, 100_000]) {
      expect((await nested(levels)).body).toMatchObject({
        id: 1,
        error: { code: -32600, message: 'the body is nested deeper than 128 levels' },
      });
    }
    expect(lines).toEqual([]);
  },
);

test('a body that is too long is refused, announced or not', async () => {
  const { url } = await setup(() => payload.text('x'), { maxBodyBytes: 100 });
  expect((await post(url, 'x'.repeat(101))).status).toBe(413);
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(Buffer.alloc(60, 'x')),
  });
  const init = { method: 'POST', body, duplex: 'half', headers: { authorization: 'Bearer alice' } } as const;
  const status = await fetch(url, init).then(
    (response) => response.status,
    () => 413,
  );
  expect(status).toBe(413);
});

test('a body that does not come is given up', async () => {
  const clock = createManualClock();
  const { url } = await setup(() => payload.text('x'), { clock, bodyTimeoutMs: 1000 });
  const { port, hostname } = new URL(url);
  const socket = connectSocket(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  const ended = new Promise((resolve) => socket.on('close', resolve));
  socket.write(
    'POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer alice\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n',
  );
  await expect.poll(() => answer).toContain('100 Continue');
  await expect.poll(() => (clock.advance(1000), answer)).toContain('408');
  await ended;
});

test('what authenticate does not decide is refused, and never reaches the router', async () => {
  const seen: unknown[] = [];
  const broken = (): never => {
    throw new Error('directory down');
  };
  for (const authenticate of [
    broken,
    () => ({ user: '', pid: 1 }),
    () => ({ user: 'x', pid: 0 }),
    () => 'yes' as never,
  ]) {
    const { url } = await setup((message_) => void seen.push(message_), { authenticate });
    expect((await post(url, call('SendMessage', { message }))).status).toBe(503);
  }
  expect(seen).toEqual([]);
});

test('an authenticate that is late is refused', async () => {
  const clock = createManualClock();
  const asked = gate();
  const authenticate = (): Promise<undefined> => {
    asked.open();
    return new Promise(() => undefined);
  };
  const { url } = await setup(() => payload.text('x'), { clock, authenticate, authenticateTimeoutMs: 100 });
  const answer = post(url, call('SendMessage', { message }));
  await asked.opened;
  clock.advance(100);
  expect((await answer).status).toBe(503);
});

test('with an anonymous process every caller may ask, and none may list', async () => {
  const { url, alice: anonymous } = await setup(() => payload.text('x'), { authenticate: () => undefined });
  expect((await post(url, call('SendMessage', { message }))).status).toBe(401);
  const open = await setup(() => payload.text('x'), { authenticate: undefined, anonymous });
  expect(open.bridge.card.securityRequirements).toEqual([]);
  expect((await post(open.url, call('SendMessage', { message }), { authorization: '' })).body).toMatchObject({
    result: { task: { status: { state: 'TASK_STATE_COMPLETED' } } },
  });
  expect((await post(open.url, call('ListTasks', {}))).body).toMatchObject({ error: { code: -32004 } });
});

test('the message of a failed handler stays inside unless it is to be told', async () => {
  const handler = (): never => {
    throw new Error('password is swordfish');
  };
  const told = async (exposeErrors: boolean): Promise<unknown> => {
    const { url } = await setup(handler, { exposeErrors });
    const task = taskOf(await (await connect(url)).sendMessage(say('hi')));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_FAILED);
    return saidBy(task);
  };
  expect(await told(false)).toBe('ERR_HANDLER: a handler threw an error that is not an AgentwireError');
  expect(await told(true)).toBe('ERR_HANDLER: password is swordfish');
});

test('an answer over its bounds fails the task and ends the handler', async () => {
  const ended = gate();
  const { url } = await setup(
    async (asked) => {
      asked.signal.addEventListener('abort', ended.open);
      for (;;) await asked.reply.write(payload.text('x'.repeat(40)));
    },
    { maxAnswerBytes: 100 },
  );
  const task = taskOf(await (await connect(url)).sendMessage(say('hi')));
  expect(task.status?.message?.metadata).toEqual({ code: 'ERR_BODY_TOO_LARGE' });
  expect(resultOf(task)).toHaveLength(2);
  await ended.opened;
});

test('a task that its store cannot keep fails, and its handler ends', async () => {
  const ended = gate();
  const { url } = await setup(
    async (asked) => {
      asked.signal.addEventListener('abort', ended.open);
      for (let at = 0; at < 100; at += 1) await asked.reply.write(payload.text('"'.repeat(1000)));
      await ended.opened;
    },
    { taskStore: new MemoryTaskStore({ maxTaskBytes: 16_384 }) },
  );
  const client = await connect(url);
  const failed = taskOf(await client.sendMessage(say('hi')));
  expect(failed.status?.message?.metadata).toEqual({ code: 'ERR_BODY_TOO_LARGE' });
  expect(resultOf(failed)).toHaveLength(4);
  expect(await client.getTask({ tenant: '', id: failed.id })).toMatchObject({
    status: { state: TaskState.TASK_STATE_FAILED },
  });
  await ended.opened;
});

test('a handler does not go on when the store fails, and the caller is told nothing of it', async () => {
  const ended = gate();
  const store = new MemoryTaskStore();
  const save = store.save.bind(store);
  store.save = (task, context) =>
    task.artifacts.length === 0 ? save(task, context) : Promise.reject(new Error('disk of db-7 is full'));
  const { url } = await setup(
    async (asked) => {
      asked.signal.addEventListener('abort', ended.open);
      await asked.reply.write(payload.text('x'));
      await ended.opened;
    },
    { taskStore: store },
  );
  const { body } = await post(url, call('SendMessage', { message }));
  expect(body).toMatchObject({ error: { code: -32603, message: 'internal error' } });
  await ended.opened;
});

test('a task that takes too long fails', async () => {
  const { url } = await setup(() => new Promise<void>(() => undefined), { taskTimeoutMs: 20 });
  const task = taskOf(await (await connect(url)).sendMessage(say('hi')));
  expect(task.status?.message?.metadata).toEqual({ code: 'ERR_TIMEOUT' });
});

test('tasks at once are bounded for each caller, and room comes back', async () => {
  const go = gate();
  const { url } = await setup(
    async () => {
      await go.opened;
      return payload.text('done');
    },
    { maxActiveTasksPerCaller: 1 },
  );
  const client = await connect(url);
  const { id } = taskOf(await client.sendMessage(say('one', {}, { returnImmediately: true })));
  expect((await post(url, call('SendMessage', { message }))).body).toMatchObject({
    error: { code: -32603, data: [{ reason: 'ERR_OVERLOADED' }] },
  });
  go.open();
  await expect
    .poll(async () => (await client.getTask({ tenant: '', id })).status?.state)
    .toBe(TaskState.TASK_STATE_COMPLETED);
  expect(taskOf(await client.sendMessage(say('two'))).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
});

test('a task goes on, and is kept, when its client leaves in the middle of the stream', async () => {
  const go = gate();
  const { url } = await setup(async (asked) => {
    await asked.reply.write(payload.text('one'));
    await go.opened;
    await asked.reply.write(payload.text('two'));
    await asked.reply.end();
  });
  const client = await connect(url);
  let id = '';
  const leaving = new AbortController();
  const stream = client.sendMessageStream(say('hi'), { signal: leaving.signal });
  for await (const { payload: event } of stream) {
    if (event?.$case === 'task') id = event.value.id;
    if (event?.$case === 'artifactUpdate') break;
  }
  leaving.abort();
  go.open();
  await expect
    .poll(async () => (await client.getTask({ tenant: '', id })).status?.state)
    .toBe(TaskState.TASK_STATE_COMPLETED);
  expect(resultOf(await client.getTask({ tenant: '', id }))).toEqual(['one', 'two']);
});

test('a client that does not read its events is disconnected, and its task goes on', async () => {
  const warned: unknown[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    error: () => undefined,
    warn: (_: object, line: string) => warned.push(line),
  };
  const { url } = await setup(
    async (asked) => {
      for (let at = 0; at < 40; at += 1) await asked.reply.write(payload.text('x'.repeat(1024 * 1024)));
      await asked.reply.end();
    },
    { maxUnreadBytes: 64 * 1024, maxAnswerBytes: 100 * 1024 * 1024, logger },
  );
  const { port, hostname } = new URL(url);
  const socket = connectSocket(Number(port), hostname);
  const body = call('SendStreamingMessage', { message });
  socket.write(
    `POST / HTTP/1.1\r\nhost: x\r\na2a-version: 1.0\r\nauthorization: Bearer alice\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  socket.pause();
  const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined));
  await expect
    .poll(() => warned, { timeout: 30_000 })
    .toContain('a client was disconnected: it does not read its events');
  socket.resume();
  await closed;
});

test('closing fails the tasks that are worked on, and stores it', async () => {
  const started = gate();
  const { url, bridge } = await setup(() => {
    started.open();
    return new Promise<void>(() => undefined);
  });
  const client = await connect(url);
  const answer = client.sendMessage(say('hi'));
  await started.opened;
  await bridge.close();
  expect(taskOf(await answer).status?.message?.metadata).toEqual({ code: 'ERR_CLOSED' });
  await expect(connect(url)).rejects.toThrow();
});

test('closing waits until the end of a task without listeners is stored', async () => {
  const [started, saving, go] = [gate(), gate(), gate()];
  const store = new MemoryTaskStore();
  const slow = new MemoryTaskStore();
  slow.load = store.load.bind(store);
  slow.save = async (task, context) => {
    if (task.status?.state === TaskState.TASK_STATE_FAILED) {
      saving.open();
      await go.opened;
    }
    await store.save(task, context);
  };
  const handler = (): Promise<void> => {
    started.open();
    return new Promise(() => undefined);
  };
  const first = await setup(handler, { taskStore: slow });
  const { id } = taskOf(await (await connect(first.url)).sendMessage(say('hi', {}, { returnImmediately: true })));
  await started.opened;
  const closed = first.bridge.close();
  await saving.opened;
  for (let at = 0; at < 20; at += 1) expect((await fetch(first.url)).status).toBe(503);
  go.open();
  await closed;
  const second = await setup(handler, { taskStore: store });
  const task = await (await connect(second.url)).getTask({ tenant: '', id });
  expect(task.status?.message?.metadata).toEqual({ code: 'ERR_CLOSED' });
});

test('plain messages are answered where tasks are not wanted', async () => {
  const { url } = await setup((asked) => payload.text(asked.payload.kind), { answer: 'message' });
  const client = await connect(url);
  expect(await client.sendMessage(say('hi'))).toMatchObject({
    parts: [{ content: { $case: 'text', value: 'text' } }],
    taskId: '',
  });
});

test.each([
  ['no service', { service: '' }],
  ['an unknown option', { service: 'x', colour: 'red' }],
  ['a number as text', { service: 'x', maxBodyBytes: '5' }],
  ['a URL that is none', { service: 'x', url: 'ftp://x' }],
])('options are checked: %s', async (_name, options) => {
  await expect(setup(() => undefined, options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});
