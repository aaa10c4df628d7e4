import { createSupervisor, type A2AEndpoint, type ReceivedMessage, scope } from '@agentwire/a2a-router';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startedInEachTest, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

describe.skipIf(!hasServer)(`links and monitors of other nodes${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  const { start } = startedInEachTest({ flush: true, mayFail: true });
  const told = async ({ inbox }: A2AEndpoint): Promise<unknown> => (await inbox.receive())?.payload;
  const exit = (node: TestNode, { pid }: A2AEndpoint, code: number): void => {
    node.router.processTable.updateState(pid, 'exited', code);
  };
  const heard = (node: TestNode, other: string): boolean => node.backend.nodes().some(({ nodeId }) => nodeId === other);
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('tell of an exit with its code: monitors one side, links both', async () => {
    const [a, b] = [await start('a', server.url), await start('b', server.url)];
    const [one, two, three] = [a.add('one'), b.add('two'), a.add('three')];
    a.router.links.monitor(one.pid, { nodeId: 'b', pid: two.pid });
    a.router.links.monitor(three.pid, { nodeId: 'b', pid: two.pid });
    a.router.links.demonitor(three.pid, { nodeId: 'b', pid: two.pid });
    await a.backend.flush();
    await b.backend.flush();
    exit(b, two, 7);
    expect(await told(one)).toEqual({
      kind: 'signal',
      signal: 'ProcessDown',
      detail: { node: 'b', pid: two.pid, code: 7 },
    });
    expect(three.inbox.size).toBe(0);

    const linked = b.add('linked');
    a.router.links.link(one.pid, { nodeId: 'b', pid: linked.pid });
    await a.backend.flush();
    await b.backend.flush();
    await a.backend.flush();
    exit(a, one, 3);
    expect(await told(linked)).toEqual({
      kind: 'signal',
      signal: 'LinkExited',
      detail: { node: 'a', pid: one.pid, code: 3 },
    });
    const fourth = a.add('fourth');
    a.router.links.link(fourth.pid, { nodeId: 'b', pid: linked.pid });
    a.router.links.unlink(fourth.pid, { nodeId: 'b', pid: linked.pid });
    a.router.links.link(three.pid, { nodeId: 'b', pid: linked.pid });
    await a.backend.flush();
    await b.backend.flush();
    exit(b, linked, 0);
    expect(await told(three)).toMatchObject({ signal: 'LinkExited', detail: { node: 'b', code: 0 } });
    expect(fourth.inbox.size).toBe(0);
  });

  it('tell at once of a process that is gone, and of one that may not be reached', async () => {
    const [a, b] = [
      await start('a', server.url),
      await start(
        'b',
        server.url,
        {},
        { acceptRemote: (_node, pid) => ({ ipcScope: pid === 2 ? scope.none : scope.all }) },
      ),
    ];
    const [one, two, there] = [a.add('one'), a.add('two'), b.add('there')];
    a.router.links.monitor(one.pid, { nodeId: 'b', pid: 99 });
    expect(await told(one)).toMatchObject({ detail: { node: 'b', pid: 99, reason: 'noproc' } });
    expect(two.pid).toBe(2);
    a.router.links.link(two.pid, { nodeId: 'b', pid: there.pid });
    expect(await told(two)).toMatchObject({ signal: 'LinkExited', detail: { pid: there.pid, reason: 'denied' } });
    exit(a, two, 1);
    await a.backend.flush();
    expect(there.inbox.size).toBe(0);
  });

  it('tell of a node that leaves, and of one that was never there', async () => {
    const [a, b] = [
      await start('a', server.url, { presenceIntervalMs: 50 }),
      await start('b', server.url, { presenceIntervalMs: 50 }),
    ];
    const [one, two] = [a.add('one'), b.add('two')];
    await until(() => heard(a, 'b'));
    a.router.links.monitor(one.pid, { nodeId: 'b', pid: two.pid });
    await b.close();
    const left = (await told(one)) as { readonly detail: unknown };
    // its process exits with it, or its node is gone: what comes first
    expect(left.detail).toMatchObject({ node: 'b', pid: two.pid });
    a.router.links.link(one.pid, { nodeId: 'nowhere', pid: 1 });
    expect(await told(one)).toMatchObject({ detail: { node: 'nowhere', pid: 1, reason: 'noconnection' } });
  });

  it('know a node that comes later, and what happened while the server was away', async () => {
    const own = await startServer();
    const a = await start('a', own.url, { reconnectMs: 20 });
    const one = a.add('one');
    a.router.links.monitor(one.pid, { nodeId: 'b', pid: 77 });
    const b = await start('b', own.url, { reconnectMs: 20 });
    const two = b.add('two');
    expect(await told(one)).toMatchObject({ detail: { node: 'b', pid: 77, reason: 'noproc' } });
    a.router.links.monitor(one.pid, { nodeId: 'b', pid: two.pid });
    await a.backend.flush();
    await b.backend.flush();
    own.kill('SIGKILL');
    await until(() => !a.backend.stats.connected && !b.backend.stats.connected);
    exit(b, two, 9);
    const again = await own.restart();
    expect(await told(one)).toMatchObject({ signal: 'ProcessDown', detail: { node: 'b', pid: 1, code: 9 } });
    await again.stop();
  });

  it('restart a supervised child that ends with a process of another node', async () => {
    const [a, b] = [await start('a', server.url), await start('b', server.url)];
    const [two, three] = [b.add('two'), b.add('three')];
    const table = a.router.processTable;
    const peers = [two.pid, three.pid];
    const onSignal = (endpoint: A2AEndpoint) => (message: ReceivedMessage) => {
      if (message.payload.kind === 'signal') table.updateState(endpoint.pid, 'exited', 1);
    };
    const supervisor = createSupervisor(a.router, {
      children: [
        {
          id: 'child',
          spec: { agentId: 'child' },
          start: (endpoint) => {
            a.router.links.link(endpoint.pid, { nodeId: 'b', pid: peers.shift() ?? 0 });
            return endpoint.serve(onSignal(endpoint));
          },
        },
      ],
    });
    await a.backend.flush();
    await b.backend.flush();
    exit(b, two, 1);
    await until(() => supervisor.children[0]?.restarts === 1 && supervisor.children[0].pid !== undefined);
    await a.backend.flush();
    await b.backend.flush();
    exit(b, three, 0);
    await until(() => supervisor.children[0]?.restarts === 2);
    supervisor.close();
  });
});
