import { payload, target } from '@agentwire/a2a-router';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startNode } from '../../packages/a2a-nats/test/node.ts';
import { hasServer, startServer, unlessServer } from '../../packages/a2a-nats/test/server.ts';
import { start } from './command-line.ts';

describe.skipIf(!hasServer)(`agentwire a2a tail on a real nats-server${unlessServer}`, () => {
  test('prints what passes between nodes, and ends well on SIGTERM', async () => {
    const server = await startServer();
    onTestFinished(() => server.stop());
    const [a, b] = [await startNode('a', server.url), await startNode('b', server.url)];
    onTestFinished(async () => {
      await a.close();
      await b.close();
    });
    const tail = start('a2a', 'tail', server.url, '--json');
    const [one, two] = [a.add('one'), b.add('two')];
    await Promise.all([a.backend.flush(), b.backend.flush()]);
    // it listens from some moment on, so messages are sent until the first one is seen
    const seen = tail.line('{').then((text) => JSON.parse(`{${text}`) as { source: string; message?: unknown });
    const found: Awaited<typeof seen>[] = [];
    void seen.then((message) => found.push(message));
    while (found.length === 0) {
      await one.send(target.remoteNode('b', target.process(two.pid)), payload.text('hi'));
      await two.inbox.receive();
    }
    expect(found[0]).toMatchObject({ source: 'a', message: { payload: { Text: 'hi' } } });
    expect(await tail.stop()).toBe(0);
  });
});
