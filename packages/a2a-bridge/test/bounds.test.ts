import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TaskState, type TaskPushNotificationConfig } from '@a2a-js/sdk';
import { payload } from '@agentwire/a2a-router';
import { expect, onTestFinished, test } from 'vitest';
import { connect, gate, say, setup } from './support.ts';

interface Hook {
  readonly config: TaskPushNotificationConfig;
  /** Kinds of notifications that came. */
  readonly got: unknown[];
  /** Answers that are held back. */
  readonly held: ServerResponse[];
}

/** A receiver that answers when it is told to. */
async function slowReceiver(): Promise<Hook> {
  const hook: Pick<Hook, 'got' | 'held'> = { got: [], held: [] };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      hook.got.push(Object.keys(JSON.parse(body) as object)[0]);
      hook.held.push(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { ...hook, config: { tenant: '', id: '', taskId: '', url, token: '', authentication: undefined } };
}

test('a receiver that is slow loses the oldest notifications, not the last ones, and holds up no other task', async () => {
  const push = { allowHttp: true, allowPrivateAddresses: true, maxQueued: 2, timeoutMs: 60_000 };
  const { url } = await setup(
    async ({ reply }) => {
      for (const word of ['a', 'b', 'c', 'd']) await reply.write(payload.text(word));
      await reply.end();
    },
    { push },
  );
  const client = await connect(url);
  const slow = await slowReceiver();
  await client.sendMessage(say('hi', {}, { taskPushNotificationConfig: slow.config }));
  const other = await slowReceiver();
  await client.sendMessage(say('hi', {}, { taskPushNotificationConfig: other.config }));
  await expect.poll(() => other.got).toEqual(['task']);
  for (const count of [1, 2, 3]) {
    await expect.poll(() => slow.got.length).toBe(count);
    slow.held.at(-1)?.end();
  }
  expect(slow.got).toEqual(['task', 'artifactUpdate', 'statusUpdate']);
});

test('streams at once are bounded for each caller, and room comes back when they end', async () => {
  const go = gate();
  const { url } = await setup(
    async ({ reply }) => {
      await reply.write(payload.text('x'));
      await go.opened;
      await reply.end();
    },
    { maxStreamsPerCaller: 1 },
  );
  const client = await connect(url);
  const first = client.sendMessageStream(say('one'));
  const opening = await first.next();
  expect(opening.done).toBe(false);
  await expect(client.sendMessageStream(say('two')).next()).rejects.toThrow('1 streams of this caller');
  go.open();
  for await (const event of first) expect(event).toBeDefined();
  const states: unknown[] = [];
  for await (const { payload: event } of client.sendMessageStream(say('three')))
    if (event?.$case === 'statusUpdate') states.push(event.value.status?.state);
  expect(states).toEqual([TaskState.TASK_STATE_COMPLETED]);
});
