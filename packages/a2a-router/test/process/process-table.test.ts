import { describe, expect, it } from 'vitest';
import { CapabilityChecker, ProcessTable, scope, target } from '../../src/index.ts';
import { canMove, CAPABILITY_DEFAULTS, PROCESS_STATES, resolveCapabilities } from '../../src/internal.ts';
import { ProcessLinks } from '../../src/process/process-links.ts';

describe('ProcessTable', () => {
  it('allows the legal moves and no other', () => {
    const legal = new Set([
      'starting running',
      'starting exited',
      'running suspended',
      'running stopping',
      'running exited',
      'suspended running',
      'suspended stopping',
      'suspended exited',
      'stopping exited',
    ]);
    for (const from of PROCESS_STATES)
      for (const to of PROCESS_STATES) expect(canMove(from, to)).toBe(legal.has(`${from} ${to}`));
    const table = new ProcessTable();
    const pid = table.insert({ agentId: 'a', state: 'starting' });
    expect(() => table.updateState(pid, 'suspended')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE_TRANSITION' }) as Error,
    );
    table.updateState(pid, 'exited', 7);
    expect(table.get(pid)).toMatchObject({ state: 'exited', exitCode: 7 });
    expect(() => table.updateState(pid, 'exited')).toThrow('cannot go from exited');
    expect(() => table.updateState(99, 'exited')).toThrow(
      expect.objectContaining({ code: 'ERR_PROCESS_NOT_FOUND' }) as Error,
    );
  });

  it('holds 64 live processes by default, remembers as many exited ones, and never uses a pid twice', () => {
    const table = new ProcessTable();
    for (let n = 0; n < 64; n += 1) table.insert({ agentId: 'a' });
    expect(() => table.insert({ agentId: 'a' })).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }) as Error);
    table.updateState(1, 'exited');
    expect(table.insert({ agentId: 'b' })).toBe(65);
    for (let n = 0; n < 200; n += 1) {
      const pid = table.list().find(({ state }) => state === 'running')?.pid ?? 0;
      table.updateState(pid, 'exited');
      table.insert({ agentId: 'c' });
    }
    expect(table.countByState()).toEqual({ starting: 0, running: 64, suspended: 0, stopping: 0, exited: 64 });
    expect(table.size).toBe(64);
  });

  it('inserts, removes and tells who exits', () => {
    const table = new ProcessTable({ capacity: 3 });
    const exits: number[] = [];
    const stop = table.onExit(({ pid }) => exits.push(pid));
    table.insertWithPid(10, { agentId: 'ten', parent: 0 });
    expect(() => table.insertWithPid(10, { agentId: 'again' })).toThrow('pid 10 is taken');
    expect(() => table.insertWithPid(0, { agentId: 'kernel' })).toThrow('pid must be an integer');
    expect(table.insert({ agentId: 'next' })).toBe(11);
    expect(table.remove(10)).toBe(true);
    expect(table.remove(10)).toBe(false);
    expect(table.remove(0)).toBe(false);
    stop();
    table.remove(11);
    expect(exits).toEqual([10]);
    expect(table.get(0)).toMatchObject({ agentId: 'kernel', state: 'running' });
    expect(table.list()).toEqual([]);
  });

  it('sets capabilities and knows their defaults', () => {
    const table = new ProcessTable();
    const pid = table.insert({ agentId: 'a' });
    expect(table.get(pid)?.capabilities).toEqual(CAPABILITY_DEFAULTS);
    expect(CAPABILITY_DEFAULTS).toMatchObject({
      canSpawn: true,
      canIpc: true,
      canExecTools: true,
      canNetwork: false,
      maxMemoryBytes: 268_435_456,
      maxCpuTimeMs: 300_000,
      maxToolCalls: Infinity,
      maxMessages: Infinity,
    });
    table.setCapabilities(pid, { ipcScope: scope.none });
    expect(table.get(pid)?.capabilities.ipcScope.kind).toBe('none');
    expect(() => table.setCapabilities(0, {})).toThrow('no process has pid 0');
    expect(() => resolveCapabilities({ maxMessages: -1 })).toThrow('maxMessages must be');
    expect(() => resolveCapabilities({ canIpc: 1 } as never)).toThrow('canIpc must be');
    expect(() => resolveCapabilities({ canFly: true } as never)).toThrow('no option "canFly"');
    expect(() => resolveCapabilities({ ipcScope: { kind: 'some' } } as never)).toThrow('ipcScope.kind must be one of');
  });
});

describe('CapabilityChecker', () => {
  it('answers from the table', () => {
    const table = new ProcessTable();
    const checker = new CapabilityChecker(table);
    const one = table.insert({
      agentId: 'one',
      capabilities: { ipcScope: scope.restricted([2]), canExecTools: false },
    });
    expect(checker.canMessage(one, 2)).toBe(true);
    expect(checker.canMessage(one, 3)).toBe(false);
    expect(checker.canMessage(99, 2)).toBe(false);
    expect(checker.canUseTopic(one, 'a.b')).toBe(true);
    expect(checker.canUseTopic(99, 'a.b')).toBe(false);
    expect(() => checker.checkToolCall(one, 'grep')).toThrow('may not call tools');
    expect(() => checker.checkToolCall(99, 'grep')).toThrow('no process');
    const entry = table.get(one);
    if (entry !== undefined)
      expect(() => checker.checkTarget(entry, target.process(3))).toThrow('its scope is restricted');
  });
});

describe('ProcessLinks', () => {
  it('forgets what is released', () => {
    const links = new ProcessLinks();
    links.link(1, 2);
    links.link(1, 2);
    links.monitor(3, 1);
    links.monitor(1, 4);
    links.unlink(1, 5);
    expect(links.release(1)).toEqual({ linked: [2], watchers: [3] });
    expect(links.release(2)).toEqual({ linked: [], watchers: [] });
    expect(links.release(4)).toEqual({ linked: [], watchers: [] });
  });
});
