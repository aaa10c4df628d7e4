import { describe, expect, it } from 'vitest';
import { type A2AEndpoint, createSupervisor, payload, type Supervisor, target } from '../../src/index.ts';
import type { ChildSpec, RestartPolicy, SupervisorOptions } from '../../src/internal.ts';
import { createTeam, settle, type Team } from '../team.ts';

interface Staff extends Team {
  readonly supervisor: Supervisor;
  readonly started: string[];
  readonly pidOf: (id: string) => number;
  readonly exit: (id: string, code: number) => Promise<void>;
}

function createStaff(
  policies: Readonly<Record<string, RestartPolicy>>,
  options: Partial<SupervisorOptions> = {},
): Staff {
  const team = createTeam();
  const started: string[] = [];
  const children = Object.entries(policies).map(([id, restart]): ChildSpec => ({
    id,
    restart,
    spec: { agentId: id },
    start: () => started.push(id),
  }));
  const supervisor = createSupervisor(team.router, { children, clock: team.clock, ...options });
  const pidOf = (id: string): number => supervisor.children.find((child) => child.id === id)?.pid ?? -1;
  const exit = async (id: string, code: number): Promise<void> => {
    team.router.processTable.updateState(pidOf(id), 'exited', code);
    await settle();
  };
  return { ...team, supervisor, started, pidOf, exit };
}

describe('restart policies', () => {
  it('start a permanent child always again, a transient one after a failure, a temporary one never', async () => {
    const { supervisor, started, pidOf, exit } = createStaff({ p: 'permanent', t: 'transient', x: 'temporary' });
    expect(started).toEqual(['p', 't', 'x']);
    const first = pidOf('p');
    await exit('p', 0);
    expect(pidOf('p')).toBeGreaterThan(first);
    await exit('t', 1);
    await exit('t', 0);
    await exit('x', 1);
    expect(started).toEqual(['p', 't', 'x', 'p', 't']);
    expect(supervisor.children).toMatchObject([
      { id: 'p', restarts: 1 },
      { id: 't', pid: undefined, restarts: 1 },
      { id: 'x', pid: undefined, restarts: 0 },
    ]);
  });

  it('count a start that throws or rejects as an exit with code 1', async () => {
    const { router, clock } = createTeam();
    let starts = 0;
    const start = (): unknown => {
      starts += 1;
      if (starts === 1) throw new Error('boom');
      return starts === 2 ? Promise.reject(new Error('later')) : undefined;
    };
    const supervisor = createSupervisor(router, {
      clock,
      children: [{ id: 'a', restart: 'transient', spec: { agentId: 'a' }, start }],
    });
    await settle();
    expect(starts).toBe(3);
    expect(supervisor.state).toBe('running');
    expect(router.processTable.countByState()).toMatchObject({ running: 1, exited: 2 });
  });

  it('make a new process with a new inbox each time, which serves', async () => {
    const { router, clock, add } = createTeam();
    const start = (endpoint: A2AEndpoint): void => {
      endpoint.provide('echo');
      void endpoint.inbox.receive().then((message) => message?.reply(payload.json(endpoint.pid)));
    };
    const supervisor = createSupervisor(router, {
      clock,
      children: [{ id: 'echo', spec: { agentId: 'echo' }, start }],
    });
    const asker = add('asker');
    const ask = async (): Promise<unknown> => (await asker.request(target.service('echo'), payload.text('?'))).payload;
    const [before] = supervisor.children;
    expect(await ask()).toEqual(payload.json(before?.pid ?? 0));
    router.processTable.updateState(before?.pid ?? 0, 'exited', 9);
    await settle();
    expect(await ask()).toEqual(payload.json(supervisor.children[0]?.pid ?? 0));
  });
});

describe('one-for-all', () => {
  it('ends the others, the last one first, and starts all again in their order', async () => {
    const { router, supervisor, started, pidOf, exit } = createStaff(
      { a: 'permanent', b: 'transient', c: 'temporary', d: 'permanent' },
      { strategy: 'one-for-all' },
    );
    const exits: number[] = [];
    router.processTable.onExit(({ pid }) => exits.push(pid));
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(pidOf);
    await exit('b', 1);
    expect(exits).toEqual([b, d, c, a]);
    expect(started.slice(4)).toEqual(['a', 'b', 'd']);
    expect(supervisor.children.map(({ restarts }) => restarts)).toEqual([1, 1, 0, 1]);
    expect(router.processTable.countByState()).toMatchObject({ running: 3 });
  });

  it('starts all once, and counts one restart, when several exit together', async () => {
    const { router, supervisor, started, pidOf } = createStaff(
      { a: 'permanent', b: 'permanent', c: 'permanent', d: 'permanent', e: 'permanent' },
      { strategy: 'one-for-all', maxRestarts: 2 },
    );
    for (let round = 1; round <= 2; round += 1) {
      for (const pid of ['a', 'c', 'd', 'e'].map(pidOf)) router.processTable.updateState(pid, 'exited', 1);
      await settle();
      expect(started.slice(5 * round)).toEqual(['a', 'b', 'c', 'd', 'e']);
    }
    expect(supervisor.state).toBe('running');
    expect(supervisor.children.map(({ restarts }) => restarts)).toEqual([2, 2, 2, 2, 2]);
  });
});

describe('restart intensity', () => {
  it('ends everything when there are more restarts than it allows, and counts only the last ones', async () => {
    const told: unknown[] = [];
    const { router, clock, supervisor, exit, pidOf } = createStaff(
      { a: 'permanent', b: 'permanent' },
      { maxRestarts: 2, withinMs: 1000, onGiveUp: (error) => told.push(error) },
    );
    for (let round = 0; round < 5; round += 1) {
      await exit('a', 1);
      await exit('b', 1);
      clock.advance(1000);
    }
    expect(supervisor.state).toBe('running');
    await exit('a', 1);
    await exit('a', 1);
    await exit('a', 1);
    expect(supervisor.state).toBe('failed');
    expect(told).toMatchObject([{ code: 'ERR_OVERLOADED', detail: { child: 'a', maxRestarts: 2 } }]);
    expect([pidOf('a'), pidOf('b')]).toEqual([-1, -1]);
    expect(router.processTable.countByState()).toMatchObject({ running: 0 });
    supervisor.close();
    expect(supervisor.state).toBe('closed');
  });

  it('bounds a child that exits as soon as it starts', async () => {
    const { router, clock } = createTeam();
    let starts = 0;
    const supervisor = createSupervisor(router, {
      clock,
      maxRestarts: 10,
      children: [
        {
          id: 'a',
          spec: { agentId: 'a' },
          start: ({ pid }) => {
            starts += 1;
            router.processTable.updateState(pid, 'exited', 1);
          },
        },
      ],
    });
    for (let n = 0; n < 10; n += 1) await settle();
    expect(starts).toBe(11);
    expect(supervisor.state).toBe('failed');
  });
});

describe('a supervisor', () => {
  it('ends its children when it is closed, and starts none again', async () => {
    const { router, supervisor, started } = createStaff({ a: 'permanent', b: 'permanent' });
    supervisor.close();
    supervisor.close();
    await settle();
    expect(started).toEqual(['a', 'b']);
    expect(router.processTable.countByState()).toMatchObject({ running: 0, exited: 2 });
  });

  it('gives up when the table has no room', () => {
    const { router, supervisor } = createStaff(
      Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`c${n}`, 'permanent'])),
    );
    expect(supervisor.state).toBe('failed');
    expect(router.processTable.countByState()).toMatchObject({ running: 0 });
  });

  it('checks its options', () => {
    const { router } = createTeam();
    const child = { id: 'a', spec: { agentId: 'a' }, start: () => undefined };
    const bad: readonly (readonly [object, string])[] = [
      [{ children: [child, child] }, 'children[1].id is "a", which another child has'],
      [{ children: [{ ...child, restart: 'always' }] }, 'restart must be one of'],
      [{ children: [{ ...child, start: 1 }] }, 'children[0].start must be a function, got 1 (number)'],
      [{ children: 1 }, 'children must be a list'],
      [{ children: [], strategy: 'all' }, 'strategy must be one of'],
      [{ children: [], maxRestarts: -1 }, 'maxRestarts must be an integer'],
      [{ children: [], withinMs: 0 }, 'withinMs must be an integer'],
      [{ children: [], onGiveUp: 1 }, 'onGiveUp must be a function'],
      [{ children: [{ id: 'a' }] }, 'children[0].start must be a function, got undefined'],
      [{ children: [{ ...child, inbox: { capacity: 0 } }] }, 'children[0].inbox.capacity must be an integer'],
      [{ children: [], retries: 1 }, 'has no option "retries"'],
    ];
    for (const [options, words] of bad) expect(() => createSupervisor(router, options as never)).toThrow(words);
    expect(router.processTable.size).toBe(0);
  });
});
