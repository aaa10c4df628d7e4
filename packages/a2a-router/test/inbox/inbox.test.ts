import { describe, expect, it } from 'vitest';
import { type A2AEndpoint, payload, target } from '../../src/index.ts';
import { Ring } from '../../src/inbox/ring.ts';
import { createTeam, settle } from '../team.ts';

describe('Ring', () => {
  it('is first in, first out, at any length', () => {
    const ring = new Ring<number>();
    let next = 0;
    let expected = 0;
    for (const count of [10, 100, 3, 5000]) {
      for (let n = 0; n < count; n += 1) ring.push((next += 1));
      for (let n = 0; n < count - 2; n += 1) expect(ring.shift()).toBe((expected += 1));
    }
    expect([...ring]).toEqual(Array.from({ length: 8 }, (_, n) => next - 7 + n));
    expect(ring.take((n) => n === next)).toBe(next);
    expect(ring.take((n) => n === next)).toBeUndefined();
    expect(ring.drain()).toHaveLength(7);
    expect(ring.shift()).toBeUndefined();
  });
});

describe('Inbox', () => {
  it('lets signals pass a full inbox, and high priority overtake', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), { capacity: 2 });
    const to = target.process(two.pid);
    await one.send(to, payload.text('normal'));
    await one.send(to, payload.text('urgent'), { priority: 'high' });
    await expect(one.send(to, payload.text('too many'))).rejects.toMatchObject({
      code: 'ERR_INBOX_FULL',
      retryable: true,
    });
    await one.send(to, payload.signal('Kill'));
    const kinds = [two.inbox.poll(), two.inbox.poll(), two.inbox.poll()].map((m) => m?.payload);
    expect(kinds).toEqual([payload.signal('Kill'), payload.text('urgent'), payload.text('normal')]);
  });

  it('never rejects or forgets a kill, however many signals come', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), { signalCapacity: 4 });
    await one.send(target.process(two.pid), payload.signal('Kill'));
    for (let n = 0; n < 20; n += 1) await one.send(target.process(two.pid), payload.signal('Wake'));
    expect(two.inbox.size).toBe(4);
    const signals = Array.from({ length: 4 }, () => two.inbox.poll()?.payload);
    expect(signals).toContainEqual(payload.signal('Kill'));
    expect(router.deadLetters.total).toBe(17);
  });

  it('drops the oldest to the dead letters under dropOldest', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), {
      capacity: 1,
      overflow: 'dropOldest',
    });
    await one.send(target.process(two.pid), payload.text('old'));
    await one.send(target.process(two.pid), payload.text('new'));
    expect(two.inbox.poll()?.payload).toEqual(payload.text('new'));
    expect(router.deadLetters.list({ reason: 'inbox_full' })[0]).toMatchObject({
      recipient: two.pid,
      message: { payload: payload.text('old') },
    });
  });

  it('holds 1024 messages, 64 MiB of them, and as many bytes of signals, unless it is told otherwise', async () => {
    const { add } = createTeam();
    const one = add('one', { maxMessages: Infinity });
    const sent = async (to: A2AEndpoint, body: () => Parameters<A2AEndpoint['send']>[1]): Promise<number> => {
      for (let count = 0; ; count += 1) {
        const { size } = to.inbox;
        await one.send(target.process(to.pid), body()).catch(() => undefined);
        if (to.inbox.size === size) return count;
      }
    };
    expect(await sent(add('two'), () => payload.text('x'))).toBe(1024);
    // a character counts as two bytes
    const mebibyte = 'x'.repeat(512 * 1024 - 2048);
    const big = add('three');
    expect(await sent(big, () => payload.text(mebibyte))).toBe(64);
    expect(await sent(big, () => payload.signal('Wake', mebibyte))).toBe(64);
  });

  it('is bounded in bytes, whatever its handling of what is too much', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const half = payload.text('x'.repeat(300));
    const large = payload.json({ list: Array.from({ length: 200 }, () => 'x'.repeat(20)) });
    const make = (overflow: 'reject' | 'dropOldest' | 'block'): A2AEndpoint =>
      router.register(router.processTable.insert({ agentId: overflow }), { maxBytes: 1024, overflow });
    const [rejects, drops, blocks] = [make('reject'), make('dropOldest'), make('block')];
    const full = { code: 'ERR_INBOX_FULL' };
    await one.send(target.process(rejects.pid), half);
    await expect(one.send(target.process(rejects.pid), half)).rejects.toMatchObject(full);
    expect(rejects.inbox.poll()?.payload).toEqual(half);
    // one that is over it by itself is taken while none waits, and room comes back with it.
    await one.send(target.process(rejects.pid), large);
    await expect(one.send(target.process(rejects.pid), half)).rejects.toMatchObject(full);
    expect(rejects.inbox.poll()?.payload).toEqual(large);
    await one.send(target.process(rejects.pid), half);
    for (const body of [half, half, large]) await one.send(target.process(drops.pid), body);
    expect([drops.inbox.size, drops.inbox.poll()?.payload, drops.inbox.poll()]).toEqual([1, large, undefined]);
    await one.send(target.process(blocks.pid), half);
    const waiting = one.send(target.process(blocks.pid), half);
    expect(blocks.inbox.size).toBe(1);
    expect(blocks.inbox.poll()?.payload).toEqual(half);
    expect((await waiting).delivered).toBe(1);
    const signal = payload.signal('Note', 'x'.repeat(300));
    for (let count = 0; count < 5; count += 1) await one.send(target.process(rejects.pid), signal);
    expect(rejects.inbox.size - rejects.inbox.queued).toBe(1);
  });

  it('keeps senders waiting under block, in their order, until there is room or their time is over', async () => {
    const { router, clock, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), {
      capacity: 1,
      overflow: 'block',
      blockMs: 100,
      maxBlocked: 2,
    });
    const to = target.process(two.pid);
    await one.send(to, payload.json(1));
    const sent: number[] = [];
    const waiting = [2, 3].map((n) => one.send(to, payload.json(n)).then(() => sent.push(n)));
    await expect(one.send(to, payload.json(4))).rejects.toMatchObject({ code: 'ERR_INBOX_FULL' });
    expect(two.inbox.poll()?.payload).toEqual(payload.json(1));
    await settle();
    expect(sent).toEqual([2]);
    const late = expect(waiting[1]).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    clock.advance(100);
    await late;
    expect(router.deadLetters.list({ reason: 'timeout' })).toHaveLength(1);
    expect(two.inbox.poll()?.payload).toEqual(payload.json(2));
    const closing = one.send(to, payload.json(5)).then(() => one.send(to, payload.json(6)));
    const closed = expect(closing).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    await settle();
    router.processTable.updateState(two.pid, 'exited');
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  it('is an async iterable that ends with the process', async () => {
    const { router, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const message of two.inbox) seen.push(message.payload);
    })();
    await one.send(target.process(two.pid), payload.json(1));
    await one.send(target.process(two.pid), payload.json(2));
    await settle();
    router.processTable.updateState(two.pid, 'exited');
    await reading;
    expect(seen).toEqual([payload.json(1), payload.json(2)]);
  });

  it('waits in receive for a message, a time or an abort', async () => {
    const { clock, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const abort = new AbortController();
    const aborted = two.inbox.receive({ signal: abort.signal, timeoutMs: 1000 });
    const timed = two.inbox.receive({ timeoutMs: 50 });
    const served = two.inbox.receive({ timeoutMs: 1000, signal: new AbortController().signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(two.inbox.receive({ signal: abort.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    clock.advance(50);
    expect(await timed).toBeUndefined();
    await one.send(target.process(two.pid), payload.json(1));
    expect((await served)?.payload).toEqual(payload.json(1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('refuses options that it does not know', () => {
    const { router, add } = createTeam();
    const { pid } = add('one');
    expect(() => router.createInbox(pid, { size: 3 } as never)).toThrow('an inbox has no option "size"');
    expect(() => router.createInbox(pid, { capacity: 0 })).toThrow('capacity must be an integer');
    expect(() => router.createInbox(77)).toThrow('no process has pid 77');
  });
});

describe('DeadLetters', () => {
  it('is bounded, can be asked, and gives a letter to its one recipient again', async () => {
    const { router, add } = createTeam();
    const one = add('one');
    const pid = router.processTable.insert({ agentId: 'two' });
    await expect(one.send(target.process(pid), payload.text('early'))).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    const [letter] = router.deadLetters.list({ recipient: pid, reason: 'target_not_found' });
    const number = letter?.number ?? 0;
    await expect(router.deadLetters.redrive(number)).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    expect(router.deadLetters.size).toBe(1);
    const two = router.register(pid);
    await router.deadLetters.redrive(number);
    expect(two.inbox.poll()?.payload).toEqual(payload.text('early'));
    expect(router.deadLetters.size).toBe(0);
    await expect(router.deadLetters.redrive(number)).rejects.toThrow('there is no dead letter');
  });

  it('lets the oldest go past its capacity', async () => {
    const { DeadLetters } = await import('../../src/index.ts');
    const deadLetters = new DeadLetters({ capacity: 3 });
    const { router, add } = createTeam({ deadLetters });
    const one = add('one');
    for (let n = 0; n < 5; n += 1) await one.send(target.process(50), payload.json(n)).catch(() => undefined);
    expect(router.deadLetters.list().map(({ message }) => message.payload)).toEqual(
      [2, 3, 4].map((n) => payload.json(n)),
    );
    expect(deadLetters).toMatchObject({ size: 3, total: 5 });
    expect(deadLetters.discard(deadLetters.list()[0]?.number ?? 0)).toBe(true);
  });
});
