import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type A2AEndpoint, createA2ARouter, payload, scope, target } from '@agentwire/a2a-router';
import { expect, onTestFinished, test } from 'vitest';
import {
  type A2ABridgeOptions,
  inputRequired,
  provideRemoteAgent,
  type RemoteAgent,
  type RemoteAgentOptions,
} from '../src/index.ts';
import { gate, type Setup, setup } from './support.ts';

interface Local {
  readonly planner: A2AEndpoint;
  readonly remote: RemoteAgent;
  readonly setup: Setup;
}

/** A router with a planner and the service `far`, which is the bridge of another router. */
async function local(
  handler: Parameters<typeof setup>[0],
  options: Partial<RemoteAgentOptions> = {},
  bridge: Partial<A2ABridgeOptions> = {},
): Promise<Local> {
  const there = await setup(handler, bridge);
  const router = createA2ARouter();
  onTestFinished(() => router.close());
  const remote = await provideRemoteAgent(router, {
    service: 'far',
    url: there.url,
    headers: () => ({ authorization: 'Bearer alice' }),
    ...options,
  });
  onTestFinished(() => remote.close());
  const planner = router.register(
    router.processTable.insert({ agentId: 'planner', capabilities: { ipcScope: scope.all } }),
  );
  return { planner, remote, setup: there };
}

test.each([true, false])('a remote agent answers a request like a local service; streaming: %s', async (streaming) => {
  const { planner, remote } = await local(
    async ({ payload: asked, reply }) => {
      if (asked.kind !== 'text') return asked;
      for (const word of ['you ', 'wrote ', asked.text]) await reply.write(payload.text(word));
      await reply.end();
      return undefined;
    },
    {},
    { streaming },
  );
  expect(remote.card.name).toBe('oracle');
  expect((await planner.request(target.service('far'), payload.text('hi'))).payload).toEqual(
    payload.text('you wrote hi'),
  );
  expect((await planner.request(target.service('far'), payload.json({ a: [1] }))).payload).toEqual(
    payload.json({ a: [1] }),
  );
  const bytes = new Uint8Array([0, 255]);
  const { payload: back } = await planner.request(target.service('far'), payload.binary(bytes));
  expect(back.kind === 'binary' && [...back.bytes]).toEqual([0, 255]);
});

test('parts come one by one, and leaving the stream aborts the handler at the remote agent', async () => {
  const aborted = gate();
  const { planner, setup: there } = await local(async (message) => {
    message.signal.addEventListener('abort', aborted.open);
    await message.reply.write(payload.text('one'));
    await message.reply.write(payload.text('two'));
    await aborted.opened;
  });
  const got: unknown[] = [];
  for await (const { payload: part } of planner.requestStream(target.service('far'), payload.text('count'))) {
    got.push(part);
    if (got.length === 2) break;
  }
  expect(got).toEqual([payload.text('one'), payload.text('two')]);
  await aborted.opened;
  await expect.poll(() => there.bridge.activeTasks).toBe(0);
});

test('an abort of a plain request cancels at the remote agent', async () => {
  const started = gate();
  const aborted = gate();
  const { planner } = await local(async (message) => {
    message.signal.addEventListener('abort', aborted.open);
    started.open();
    await aborted.opened;
  });
  const giveUp = new AbortController();
  const answer = planner.request(target.service('far'), payload.text('x'), { signal: giveUp.signal });
  await started.opened;
  giveUp.abort();
  await expect(answer).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  await aborted.opened;
});

test('its time is bounded, by itself and by the deadline of the message', async () => {
  const aborted = gate();
  const never: Parameters<typeof setup>[0] = async (message) => {
    message.signal.addEventListener('abort', aborted.open);
    await aborted.opened;
  };
  const { planner } = await local(never, { timeoutMs: 100 });
  await expect(planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
  });
  await aborted.opened;
  const other = await local(never);
  const deadline = Date.now() + 150;
  await expect(other.planner.request(target.service('far'), payload.text('x'), {}, { deadline })).rejects.toMatchObject(
    { code: 'ERR_TIMEOUT' },
  );
});

test('a question of the remote agent is answered by the next message with its trace id', async () => {
  const { planner } = await local(async (message) => {
    const text = message.payload.kind === 'text' ? message.payload.text : '';
    if (text !== 'book') return payload.text(`booked ${text}`);
    await message.reply.write(payload.text('noted'));
    await message.reply.write(inputRequired('Which day?'));
    await message.reply.end();
    return undefined;
  });
  const say = async (text: string): Promise<unknown> =>
    (await planner.request(target.service('far'), payload.text(text), {}, { traceId: 'trip' })).payload;
  expect(await say('book')).toEqual(inputRequired('Which day?'));
  expect(await say('Monday')).toEqual(payload.text('booked Monday'));
});

test('what the remote agent refuses and fails has a code, and what is too long is given up', async () => {
  const failing = await local(() => {
    throw new Error('no');
  });
  await expect(failing.planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_HANDLER',
  });
  const refused = await local(() => payload.text('x'), { headers: () => ({}) });
  await expect(refused.planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_REFUSED',
    message: expect.stringContaining('not authenticated') as string,
  });
  const long = await local(() => payload.text('x'.repeat(10_000)), { maxResponseBytes: 5000 });
  await expect(long.planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_BODY_TOO_LARGE',
  });
});

test('an agent card cannot send this process elsewhere with its headers', async () => {
  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void elsewhere.close());
  const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
  const { planner } = await local(() => payload.text('x'), {}, { url });
  await expect(planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_INVALID_ADDRESS',
  });
  expect(asked).toEqual([]);
});

test('closing ends the service and the process that was made for it', async () => {
  const { planner, remote } = await local(() => payload.text('x'));
  await remote.close();
  await expect(planner.request(target.service('far'), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_SERVICE_NOT_FOUND',
  });
  await expect(planner.request(target.process(remote.pid), payload.text('x'))).rejects.toMatchObject({
    code: 'ERR_PROCESS_NOT_FOUND',
  });
});

test('an agent that is not there, and one that never answers, are told at once or in time', async () => {
  const router = createA2ARouter();
  onTestFinished(() => router.close());
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  await expect(provideRemoteAgent(router, { service: 'far', url, controlTimeoutMs: 50 })).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
  });
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  await expect(provideRemoteAgent(router, { service: 'far', url })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  await expect(provideRemoteAgent(router, { service: 'far', url: 'file:///x' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
  });
  expect([router.serviceRegistry?.knows('far'), router.processTable.list()]).toEqual([false, []]);
});
