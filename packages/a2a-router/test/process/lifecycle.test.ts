import { describe, expect, it } from 'vitest';
import { payload, ProcessTable, target } from '../../src/index.ts';
import { UnusedPids } from '../../src/process/unused-pids.ts';
import { createTeam, settle } from '../team.ts';

describe('pids', () => {
  it('are never used twice, however they were chosen', () => {
    const table = new ProcessTable();
    const taken = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error;
    table.insertWithPid(5, { agentId: 'old' });
    table.remove(5);
    expect(() => table.insertWithPid(5, { agentId: 'new' })).toThrow(taken);
    table.insertWithPid(3, { agentId: 'in a gap' });
    table.remove(3);
    expect(() => table.insertWithPid(3, { agentId: 'new' })).toThrow(taken);
    expect(table.insert({ agentId: 'next' })).toBe(6);
    table.insertWithPid(Number.MAX_SAFE_INTEGER, { agentId: 'last' });
    expect([table.insert({ agentId: 'a' }), table.insert({ agentId: 'b' })]).toEqual([1, 2]);
    expect(table.insert({ agentId: 'c' })).toBe(4);
    expect(table.insert({ agentId: 'd' })).toBe(7);
    expect(() => table.insert({ agentId: 'e', state: 'running', capabilities: { nope: 1 } as never })).toThrow('nope');
    expect(table.insert({ agentId: 'f' })).toBe(8);
  });

  it('are remembered in bounded memory', () => {
    const unused = new UnusedPids();
    for (let n = 1; n <= 1200; n += 1) unused.use(n * 10);
    expect(unused.has(5)).toBe(false);
    expect(unused.has(11_995)).toBe(true);
    unused.use(11_995);
    expect([unused.has(11_995), unused.has(11_994), unused.has(11_996)]).toEqual([false, true, true]);
    expect(unused.take()).toBe(12_001);
  });
});

describe('an exit', () => {
  it('is told to every listener, whatever one of them throws, and to who asks later', async () => {
    const errors: unknown[] = [];
    const log = (): void => undefined;
    const logger = { debug: log, info: log, warn: log, error: (fields: object) => errors.push(fields) };
    const processTable = new ProcessTable({ logger });
    processTable.onExit(() => {
      throw new Error('boom');
    });
    const { router, add } = createTeam({ processTable } as never);
    const [one, two] = [add('one'), add('two')];
    const exits: number[] = [];
    processTable.onExit(({ pid }) => exits.push(pid));
    router.links.monitor(two.pid, one.pid);
    processTable.updateState(one.pid, 'exited', 4);
    expect(exits).toEqual([one.pid]);
    expect(errors).toHaveLength(1);
    expect(router.inboxCount).toBe(1);
    router.links.monitor(two.pid, one.pid);
    router.links.link(two.pid, one.pid);
    router.links.link(99, two.pid);
    await settle();
    const signals = Array.from({ length: 4 }, () => two.inbox.poll()?.payload);
    expect(signals).toEqual([
      payload.signal('ProcessDown', { pid: one.pid, code: 4 }),
      payload.signal('ProcessDown', { pid: one.pid, code: 4 }),
      payload.signal('LinkExited', { pid: one.pid, code: 4 }),
      payload.signal('LinkExited', { pid: 99, reason: 'noproc' }),
    ]);
  });
});

describe('a kernel handler', () => {
  it('that throws fails the send, one that rejects is logged, and neither harms the process', async () => {
    const errors: object[] = [];
    const log = (): void => undefined;
    const logger = { debug: log, info: log, warn: log, error: (fields: object) => errors.push(fields) };
    let fail: () => unknown = () => {
      throw new Error('boom');
    };
    const { router, add, clock } = createTeam({ logger, kernelHandler: () => fail() });
    const one = add('one');
    await expect(one.send(target.kernel, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    await expect(one.request(target.kernel, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    fail = () => Promise.reject(new Error('later'));
    expect(await one.send(target.kernel, payload.text('x'))).toMatchObject({ delivered: 1 });
    await settle();
    expect(errors).toEqual([{ error: 'boom' }, { error: 'later' }]);
    clock.advance(10_000);
    expect(errors.at(-1)).toEqual({ error: 'boom', repeats: 1 });
    expect(router.pendingRequestCount).toBe(0);
  });
});
