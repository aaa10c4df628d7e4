import { describe, expect, it } from 'vitest';
import { createMessage, payload, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

describe('an inbox', () => {
  it('keeps a message that comes after its reader has left the loop', async () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const reader = two.inbox[Symbol.asyncIterator]();
    const [first, second] = [reader.next(), reader.next()];
    await one.send(target.process(two.pid), payload.json(1));
    await reader.return?.();
    expect((await first).value?.payload).toEqual(payload.json(1));
    expect(await second).toEqual({ done: true, value: undefined });
    await one.send(target.process(two.pid), payload.json(2));
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(two.inbox.poll()?.payload).toEqual(payload.json(2));
  });

  it('waits without end when it is asked to, and checks how long', async () => {
    const { clock, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const waiting = two.inbox.receive({ timeoutMs: Infinity });
    expect(clock.pendingTimers).toBe(0);
    await one.send(target.process(two.pid), payload.json(1));
    expect((await waiting)?.payload).toEqual(payload.json(1));
    for (const timeoutMs of [NaN, -1, 2 ** 31, '5' as never])
      await expect(two.inbox.receive({ timeoutMs })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(two.inbox.receive({ timeout: 5 } as never)).rejects.toThrow('receive has no option');
  });

  it('keeps signals of the kernel, and kills, when agents flood it', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), { signalCapacity: 4 });
    const to = target.process(two.pid);
    const kernel = (name: string): Promise<unknown> => router.send(createMessage(0, to, payload.signal(name)));
    await kernel('Suspend');
    await kernel('Shutdown');
    for (let n = 0; n < 300; n += 1) await one.send(to, payload.signal('Kill')).catch(() => undefined);
    for (let n = 0; n < 300; n += 1) await one.send(to, payload.signal('Junk')).catch(() => undefined);
    await kernel('Resume');
    await kernel('Wake');
    await expect(one.send(to, payload.signal('Kill'))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    const names = Array.from({ length: 5 }, () => two.inbox.poll()?.payload);
    expect(names).toEqual([
      ...['Suspend', 'Shutdown', 'Resume', 'Wake'].map((name) => payload.signal(name)),
      undefined,
    ]);
  });

  it('tells a blocked sender what became of a message whose deadline passed', async () => {
    const { router, clock, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), {
      capacity: 1,
      overflow: 'block',
      blockMs: 1000,
    });
    const to = target.process(two.pid);
    await one.send(to, payload.json(1));
    const wall = clock.wallNow();
    const short = expect(one.send(to, payload.json(2), { deadline: wall + 100 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    await settle();
    clock.advance(100);
    await short;
    expect(router.deadLetters.list({ reason: 'timeout' })).toHaveLength(1);
    expect(two.inbox.poll()?.payload).toEqual(payload.json(1));
    expect(two.inbox.poll()).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });
});
