import { AgentwireError } from '@agentwire/core';
import { describe, expect, it } from 'vitest';
import { createA2ARouter, createChain, payload, target } from '../../src/index.ts';
import type { RemoteBackend } from '../../src/internal.ts';

/** A way to other nodes that is cut. */
const cut: RemoteBackend = {
  nodeId: 'here',
  attach: () => undefined,
  deliver: () => Promise.reject(new AgentwireError('ERR_CLOSED', 'there is no connection')),
  forget: () => undefined,
  subscriptionChanged: () => undefined,
  serviceChanged: () => undefined,
};

describe('a topic whose way to other nodes is cut', () => {
  const chain = createChain({ key: new Uint8Array(16) });
  const router = createA2ARouter({ backend: cut, chain });
  const add = (agentId: string) => router.register(router.processTable.insert({ agentId }));
  const [one, two] = [add('one'), add('two')];

  it('is a failure while no process here listens', async () => {
    await expect(one.publish('news', payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED', retryable: true });
    await expect(one.request(target.topic('news'), payload.text('?'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('says who has it here and why the others do not, in the report and in the chain', async () => {
    two.subscribe('news');
    const report = await one.publish('news', payload.text('x'));
    expect(report).toMatchObject({ delivered: 1, rejected: [], remote: 0, remoteError: 'ERR_CLOSED' });
    expect((await two.inbox.receive())?.id).toBe(report.messageId);
    const [outcome] = chain.tail(1);
    expect(JSON.parse(outcome?.payload ?? '')).toEqual({
      delivered: 1,
      msg_id: report.messageId,
      remote_error: 'ERR_CLOSED',
    });
  });

  it('is answered by those here, and ends when they are gone', async () => {
    const asking = one.request(target.topic('news'), payload.text('?'));
    await (await two.inbox.receive())?.reply(payload.text('!'));
    expect(await asking).toMatchObject({ payload: { text: '!' } });
    const lost = one.request(target.topic('news'), payload.text('?'), { timeoutMs: 60_000 });
    await two.inbox.receive();
    await new Promise((resolve) => setImmediate(resolve));
    router.processTable.updateState(two.pid, 'exited');
    await expect(lost).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    expect(router.pendingRequestCount).toBe(0);
  });
});
