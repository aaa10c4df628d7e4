import { describe, expect, it } from 'vitest';
import { createChain, createMessage, DeadLetters, gateDecision, payload, scope, target } from '../../src/index.ts';
import { createTeam } from '../team.ts';

describe('dead letters', () => {
  it('are not flushed by a sender that is refused again and again', async () => {
    const deadLetters = new DeadLetters({ capacity: 100, maxPerSource: 10 });
    const gate = { check: (agent: string) => (agent === 'denied' ? gateDecision.deny('no') : gateDecision.permit) };
    const { router, add } = createTeam({ deadLetters, gate });
    const one = add('one');
    const full = router.register(router.processTable.insert({ agentId: 'full' }), { capacity: 1 });
    await one.send(target.process(full.pid), payload.text('a'));
    await one.send(target.process(full.pid), payload.text('important')).catch(() => undefined);
    const evil = [add('denied'), add('mute', { ipcScope: scope.none }), add('over', { maxMessages: 0 })];
    for (const agent of evil) {
      for (let n = 0; n < 50; n += 1) {
        await agent.send(target.process(full.pid), payload.text('x')).catch(() => undefined);
        await agent.send(target.broadcast, payload.text('x')).catch(() => undefined);
        await agent.publish('t', payload.text('x')).catch(() => undefined);
      }
    }
    expect(deadLetters.list({ reason: 'inbox_full' }).map(({ message }) => message.payload)).toEqual([
      payload.text('important'),
    ]);
    expect(deadLetters.size).toBeLessThanOrEqual(31);
  });

  it('are none for recipients that the scope of a broadcast leaves out', async () => {
    const { router, add } = createTeam();
    const mute = add('mute', { ipcScope: scope.none });
    for (let n = 0; n < 5; n += 1) add('reader');
    expect(await mute.send(target.broadcast, payload.text('x'))).toMatchObject({ delivered: 0 });
    expect(router.deadLetters.total).toBe(0);
  });

  it('are bounded in bytes, and each sender has an eighth of them', () => {
    const deadLetters = new DeadLetters({ maxBytes: 80_000 });
    const message = (from: number, length: number): ReturnType<typeof createMessage> =>
      createMessage(from, target.process(9), payload.json({ text: 'x'.repeat(length), list: [1, null] }));
    deadLetters.add(message(1, 100), 9, 'inbox_full');
    for (let n = 0; n < 100; n += 1) deadLetters.add(message(2, 1000), 9, 'inbox_full');
    expect(deadLetters.bytes).toBeLessThanOrEqual(12_000);
    expect(deadLetters.list()[0]?.message.from).toBe(1);
    for (let from = 3; from < 40; from += 1)
      for (let n = 0; n < 10; n += 1) deadLetters.add(message(from, 1000), 9, 'inbox_full');
    expect(deadLetters.bytes).toBeLessThanOrEqual(80_000);
    const { size } = deadLetters;
    deadLetters.add(message(2, 100_000), 9, 'inbox_full');
    expect(deadLetters.size).toBe(size);
    for (const { number } of deadLetters.list({ limit: 1000 })) deadLetters.discard(number);
    expect(deadLetters).toMatchObject({ size: 0, bytes: 0 });
  });
});

describe('redrive', () => {
  const key = new Uint8Array(16);

  it('takes the way of a message: gate, scope and deadline are asked again, and the chain names it', async () => {
    let open = false;
    const chain = createChain({ key });
    const { router, clock, add } = createTeam({
      chain,
      gate: { check: () => (open ? gateDecision.permit : gateDecision.deny('not now')) },
    });
    const [one, two] = [add('one'), add('two')];
    const deadline = clock.wallNow() + 1000;
    await one.send(target.process(two.pid), payload.text('x'), { deadline }).catch(() => undefined);
    const number = router.deadLetters.list()[0]?.number ?? 0;
    const code = (): Promise<unknown> =>
      router.deadLetters.redrive(number).then(
        () => 'delivered',
        (error: unknown) => (error as { code?: unknown }).code,
      );
    expect(await code()).toBe('ERR_CAPABILITY_DENIED');
    open = true;
    router.processTable.setCapabilities(one.pid, { ipcScope: scope.none });
    expect(await code()).toBe('ERR_CAPABILITY_DENIED');
    router.processTable.setCapabilities(one.pid, {});
    expect(router.deadLetters.size).toBe(1);
    expect(await code()).toBe('delivered');
    expect(two.inbox.poll()).toMatchObject({ from: one.pid, payload: payload.text('x') });
    expect(router.deadLetters.size).toBe(0);
    const kinds = chain.tail().map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'ipc.redrive')).toHaveLength(3);
    expect(JSON.parse(chain.tail(2)[0]?.payload ?? '{}')).toMatchObject({ from: one.pid, to: two.pid });
    expect(JSON.parse(chain.tail(1)[0]?.payload ?? '{}')).toMatchObject({ delivered: 1 });
    expect(() => chain.verify()).not.toThrow();
    open = false;
    await one.send(target.process(two.pid), payload.text('y'), { deadline }).catch(() => undefined);
    open = true;
    clock.advance(2000);
    const late = router.deadLetters.list()[0]?.number ?? 0;
    await expect(router.deadLetters.redrive(late)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(router.deadLetters.size).toBe(1);
    await router.close();
    await expect(router.deadLetters.redrive(late)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('of a topic letter goes to its one recipient', async () => {
    const { router, add } = createTeam();
    const [one, other] = [add('one'), add('other')];
    const full = router.register(router.processTable.insert({ agentId: 'full' }), { capacity: 1 });
    for (const reader of [full, other]) reader.subscribe('t');
    await one.publish('t', payload.json(1));
    await one.publish('t', payload.json(2));
    full.inbox.poll();
    await router.deadLetters.redrive(router.deadLetters.list({ recipient: full.pid })[0]?.number ?? 0);
    expect(full.inbox.poll()?.payload).toEqual(payload.json(2));
    expect(other.inbox.size).toBe(2);
  });
});

describe('an idempotency key', () => {
  it('is known per recipient, and a report says what happened', async () => {
    const { add } = createTeam();
    const [one, two, three] = [add('one'), add('two'), add('three')];
    const idempotencyKey = 'k';
    const send = (pid: number): Promise<unknown> =>
      one.send(target.process(pid), payload.text('x'), { idempotencyKey });
    expect(await send(two.pid)).toMatchObject({ delivered: 1 });
    expect(await send(two.pid)).toMatchObject({ delivered: 0, duplicates: 1, rejected: [] });
    expect(await send(three.pid)).toMatchObject({ delivered: 1 });
    three.subscribe('t');
    expect(await one.publish('t', payload.text('x'), { idempotencyKey })).toMatchObject({
      delivered: 0,
      duplicates: 1,
    });
    expect([two.inbox.size, three.inbox.size]).toEqual([1, 1]);
  });

  it('of a message that was dropped or has expired is free again, and its letter can be sent again', async () => {
    const { router, clock, add } = createTeam();
    const one = add('one');
    const two = router.register(router.processTable.insert({ agentId: 'two' }), {
      capacity: 1,
      overflow: 'dropOldest',
    });
    const to = target.process(two.pid);
    await one.send(to, payload.text('1'), { idempotencyKey: 'k' });
    await one.send(to, payload.text('2'));
    await router.deadLetters.redrive(router.deadLetters.list()[0]?.number ?? 0);
    expect(two.inbox.poll()?.payload).toEqual(payload.text('1'));
    const deadline = clock.wallNow() + 10;
    await one.send(to, payload.text('3'), { idempotencyKey: 'e', deadline });
    clock.advance(20);
    expect(two.inbox.poll()).toBeUndefined();
    expect(await one.send(to, payload.text('4'), { idempotencyKey: 'e' })).toMatchObject({ delivered: 1 });
    expect(two.inbox.poll()?.payload).toEqual(payload.text('4'));
  });

  it('of a request that is asked again ends the second one at once', async () => {
    const { router, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const ask = (): Promise<unknown> =>
      one.request(target.process(two.pid), payload.text('?'), {}, { idempotencyKey: 'k' });
    const first = ask();
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_DUPLICATE_REQUEST' });
    await two.inbox.poll()?.reply(payload.text('!'));
    await first;
    expect(router.pendingRequestCount).toBe(0);
  });

  it('may be long without being kept as long', async () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const keys = ['x'.repeat(1000), `${'x'.repeat(999)}y`];
    for (const idempotencyKey of [...keys, ...keys])
      await one.send(target.process(two.pid), payload.text('x'), { idempotencyKey });
    expect(two.inbox.size).toBe(2);
  });
});
