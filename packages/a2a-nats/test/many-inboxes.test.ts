import { AgentwireError } from '@agentwire/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { createNatsBackend } from '../src/index.ts';
import { GatheredNames } from '../src/gathered-names.ts';
import { startNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

describe.skipIf(!hasServer)(`many durable inboxes of one node${unlessServer}`, { timeout: 30_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('are opened together, and each takes its messages', async () => {
    const node = await startNode('shop', server.url, { durable: {} });
    const one = node.add('one');
    const names = Array.from({ length: 24 }, (_, n) => `inbox-${n}`);
    const taken = new Set<string>();
    await Promise.all(names.map((name) => node.backend.openInbox(name, () => void taken.add(name))));
    for (const name of names)
      await one.send(target.remoteNode('shop', target.service(name)), payload.text('x'), { durable: true });
    await until(() => taken.size === names.length);
    await node.close();
  });

  it('are 1000 at most', async () => {
    const inboxes = Array.from({ length: 1001 }, (_, n) => `inbox-${n}`);
    await expect(
      createNatsBackend({ nodeId: 'full', servers: server.url, durable: { inboxes } }),
    ).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
  });
});

describe('names that are added together', () => {
  it('go in with one call, and those that come meanwhile with the next', async () => {
    const calls: (readonly string[])[] = [];
    const names = new GatheredNames((all) => Promise.resolve(void calls.push([...all])));
    const first = [names.add('a'), names.add('b')];
    await first[0];
    await Promise.all([...first, names.add('c'), names.add('d')]);
    expect(calls).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('are added as far as there is room, and what is refused for another reason is not tried again', async () => {
    const added: string[] = [];
    let calls = 0;
    const names = new GatheredNames((all) => {
      calls += 1;
      if (all.includes('bad')) return Promise.reject(new Error('bad'));
      if (added.length + all.length > 5) return Promise.reject(new AgentwireError('ERR_OVERLOADED', 'full'));
      added.push(...all);
      return Promise.resolve();
    });
    const wanted = Array.from({ length: 8 }, (_, n) => `n${n}`);
    const results = await Promise.allSettled(wanted.map((name) => names.add(name)));
    expect(added).toEqual(wanted.slice(0, 5));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(wanted.map((_, n) => n < 5));
    calls = 0;
    const refused = await Promise.allSettled([names.add('bad'), names.add('n8')]);
    expect([calls, ...refused.map(({ status }) => status)]).toEqual([1, 'rejected', 'rejected']);
  });
});
