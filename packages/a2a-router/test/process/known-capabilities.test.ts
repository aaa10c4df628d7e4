import { describe, expect, it } from 'vitest';
import { type AgentCapabilities, scope } from '../../src/index.ts';
import { KnownCapabilities } from '../../src/process/known-capabilities.ts';

type Given = { -readonly [K in keyof AgentCapabilities]?: AgentCapabilities[K] };

describe('capabilities that a node is given again', () => {
  it('are resolved once as long as they say the same, also by another object', () => {
    const known = new KnownCapabilities();
    const first = known.resolve('a', { maxMessages: 5 });
    expect(known.resolve('a', { maxMessages: 5 })).toBe(first);
    expect(known.resolve('b', { maxMessages: 5 })).not.toBe(first);
    expect(known.resolve('a', { maxMessages: 6 })).toMatchObject({ maxMessages: 6 });
    expect(known.resolve('a', {})).toMatchObject({ maxMessages: Infinity });
  });

  it('count as they stand now, whatever was changed in place', () => {
    const known = new KnownCapabilities();
    const given: Given = { canIpc: true, ipcScope: { kind: 'none' } };
    expect(known.resolve('a', given).ipcScope.kind).toBe('none');
    Object.assign(given.ipcScope ?? {}, { kind: 'restricted', pids: [1] });
    expect(known.resolve('a', given).ipcScope).toEqual({ kind: 'restricted', pids: [1] });
    const pids = [1];
    const listed = { ipcScope: scope.restricted(pids) };
    const list: Given = { ipcScope: { kind: 'restricted', pids } };
    expect(known.resolve('a', list).ipcScope).toEqual(listed.ipcScope);
    pids.push(2);
    expect(known.resolve('a', list).ipcScope).toEqual({ kind: 'restricted', pids: [1, 2] });
    given.ipcScope = scope.all;
    given.canIpc = false;
    expect(known.resolve('a', given)).toMatchObject({ canIpc: false, ipcScope: { kind: 'all' } });
  });

  it('are refused with a key that is not known, also in place of one that was undefined', () => {
    const known = new KnownCapabilities();
    known.resolve('a', { canIpc: undefined } as unknown as Given);
    expect(() => known.resolve('a', { canIcp: undefined } as Given)).toThrow(/canIcp/);
    expect(() => known.resolve('a', { canIpc: 1 } as unknown as Given)).toThrow(/canIpc/);
  });

  it('may come from a class', () => {
    class Rights {
      get canExecTools(): boolean {
        return this.tools;
      }
      readonly tools: boolean;
      constructor(tools: boolean) {
        this.tools = tools;
        Object.defineProperty(this, 'tools', { enumerable: false });
      }
    }
    const known = new KnownCapabilities();
    expect(known.resolve('a', new Rights(true)).canExecTools).toBe(true);
    expect(known.resolve('a', new Rights(false)).canExecTools).toBe(false);
  });
});
