import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { startNode, until } from './node.ts';
import { hasServer, startServer, unlessServer } from './server.ts';

const MESSAGES = 20;

describe.skipIf(!hasServer)(`a node that is killed${unlessServer}`, { timeout: 60_000 }, () => {
  it('in the middle of durable work loses nothing: another process of its name gets what it had in hand, once', async () => {
    const server = await startServer();
    const a = await startNode('a', server.url, { durable: {} });
    const args = [
      '--conditions=@agentwire/source',
      fileURLToPath(new URL('./durable-process.ts', import.meta.url)),
      server.url,
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
    try {
      let inHand = 0;
      child.stdout.on('data', (chunk: Buffer) => (inHand += chunk.toString().split('\n').length - 1));
      const to = target.remoteNode('b', target.service('orders'));
      const one = a.add('one');
      let sent = 0;
      // until that process has opened its inbox there is none.
      await until(() =>
        one.send(to, payload.json(sent), { durable: true }).then(
          () => (sent += 1) > 0,
          () => false,
        ),
      );
      for (; sent < MESSAGES; sent += 1) await one.send(to, payload.json(sent), { durable: true });
      await until(() => inHand === 8);
      child.kill('SIGKILL');
      await gone;
      const b = await startNode('b', server.url, { durable: {} });
      const handled: unknown[] = [];
      const inbox = await b.backend.openInbox(
        'orders',
        ({ payload: body }) => void handled.push(body.kind === 'json' ? body.value : undefined),
        { ackWaitMs: 500, concurrency: 8 },
      );
      await until(() => inbox.stats.handled === MESSAGES);
      expect(handled.toSorted((x, y) => Number(x) - Number(y))).toEqual(Array.from({ length: MESSAGES }, (_, n) => n));
      expect(inbox.stats).toMatchObject({ failed: 0, dead: 0 });
      await b.close();
    } finally {
      child.kill('SIGKILL');
      await a.close();
      await server.stop();
    }
  });
});
