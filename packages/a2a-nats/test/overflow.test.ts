import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { startedInEachTest, type TestNode } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

describe.skipIf(!hasServer)(`a service whose owners here are full${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  const { start } = startedInEachTest();
  const own = async (node: TestNode) => {
    const worker = node.router.register(node.router.processTable.insert({ agentId: 'worker' }), { capacity: 1 });
    worker.provide('work');
    await node.backend.flush();
    return worker;
  };
  const to = target.service('work');
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('goes to an idle node, and is refused only once that is full too', async () => {
    const [a, b] = [await start('a', server.url), await start('b', server.url)];
    const one = a.add('one');
    const [here, there] = [await own(a), await own(b)];
    expect(await one.send(to, payload.text('1'))).toMatchObject({ delivered: 1, remote: 0 });
    expect(await one.send(to, payload.text('2'))).toMatchObject({ delivered: 0, remote: 1 });
    expect([here.inbox.size, there.inbox.size]).toEqual([1, 1]);
    await expect(one.send(to, payload.text('3'))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL', retryable: true });
    await there.inbox.receive();
    const asking = one.request(to, payload.text('?'), { timeoutMs: 60_000 });
    await (await there.inbox.receive())?.reply(payload.text('there'));
    expect(await asking).toMatchObject({ fromNode: 'b', payload: { text: 'there' } });
    expect(a.backend.stats.malformed + b.backend.stats.malformed).toBe(0);
  });

  it('is refused as full where no other node takes part in it', async () => {
    const a = await start('a', server.url);
    const one = a.add('one');
    await own(a);
    await one.send(to, payload.text('1'));
    await expect(one.send(to, payload.text('2'))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    await expect(one.request(to, payload.text('?'))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    expect(a.router.pendingRequestCount).toBe(0);
  });
});
