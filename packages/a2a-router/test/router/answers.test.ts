import { describe, expect, it } from 'vitest';
import { createMessage, gateDecision, payload, scope, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

const late = (pid: number): object => ({ delivered: 0, rejected: [{ pid, code: 'ERR_REQUEST_ENDED' }] });

describe('an answer', () => {
  it('is addressed to the asker; everything else goes where its target says, through the scope', async () => {
    const { router, add } = createTeam();
    const [asker, asked, third] = [add('asker'), add('asked', { ipcScope: scope.restricted([3]) }), add('third')];
    third.subscribe('news');
    const answer = asker.request(target.process(asked.pid), payload.text('?'));
    const correlationId = asked.inbox.poll()?.id ?? '';
    await asked.send(target.process(third.pid), payload.text('delegated'), { correlationId });
    expect(third.inbox.poll()?.payload).toEqual(payload.text('delegated'));
    expect(await asked.publish('news', payload.text('delegated too'), { correlationId })).toMatchObject({
      delivered: 1,
    });
    const mute = add('mute', { ipcScope: scope.none });
    void asker.request(target.process(mute.pid), payload.text('?')).catch(() => undefined);
    const other = mute.inbox.poll();
    await expect(
      mute.send(target.process(third.pid), payload.text('psst'), { correlationId: other?.id }),
    ).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    expect(
      router.tryCompleteRequest(createMessage(asked.pid, target.process(3), payload.text(''), { correlationId })),
    ).toBe(false);
    expect(router.pendingRequestCount).toBe(2);
    await asked.send(target.process(asker.pid), payload.text('!'), { correlationId });
    expect((await answer).payload).toEqual(payload.text('!'));
  });

  it('that is late or the second one is not delivered, and the replier learns it', async () => {
    const { router, clock, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const answer = asker.request(target.process(asked.pid), payload.text('?'));
    const first = asked.inbox.poll();
    expect(await first?.reply(payload.text('1'))).toMatchObject({ delivered: 1 });
    expect(await first?.reply(payload.text('2'))).toMatchObject(late(asker.pid));
    await answer;
    const slow = asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs: 10 });
    const second = asked.inbox.poll();
    clock.advance(20);
    await expect(slow).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(await second?.reply(payload.text('3'))).toMatchObject(late(asker.pid));
    expect(asker.inbox.size).toBe(0);
    expect(router.deadLetters.size).toBe(0);
    await asker.send(target.process(asked.pid), payload.text('not a request'));
    expect(await asked.inbox.poll()?.reply(payload.text('still a message'))).toMatchObject({ delivered: 1 });
    expect(asker.inbox.size).toBe(1);
  });

  it('that is late and made by hand is not delivered either, and its sender learns it', async () => {
    const { router, clock, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const byHand = (id: string | undefined): Promise<unknown> =>
      asked.send(target.process(asker.pid), payload.text('!'), { correlationId: id });
    const answer = asker.request(target.process(asked.pid), payload.text('?'));
    const first = asked.inbox.poll();
    expect(await byHand(first?.id)).toMatchObject({ delivered: 1 });
    await answer;
    expect(await byHand(first?.id)).toMatchObject(late(asker.pid));
    const slow = asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs: 10 });
    const second = asked.inbox.poll();
    clock.advance(20);
    await expect(slow).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(await byHand(second?.id)).toMatchObject(late(asker.pid));
    expect(asker.inbox.size + router.deadLetters.size).toBe(0);
    expect(await byHand('a message of its own')).toMatchObject({ delivered: 1 });
    const third = add('third');
    expect(await asked.send(target.process(third.pid), payload.text('!'), { correlationId: first?.id })).toMatchObject({
      delivered: 1,
    });
  });

  it('that a gate thinks about until the request is over is late too', async () => {
    let decide = (): void => undefined;
    const { clock, add } = createTeam({
      gate: {
        check: (agent) =>
          agent === 'asker'
            ? gateDecision.permit
            : new Promise((resolve) => (decide = () => resolve(gateDecision.permit))),
      },
    });
    const [asker, asked] = [add('asker'), add('asked')];
    const slow = expect(
      asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs: 10 }),
    ).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const message = asked.inbox.poll();
    const manual = asked.send(target.process(asker.pid), payload.text('!'), { correlationId: message?.id });
    clock.advance(20);
    await slow;
    decide();
    expect(await manual).toMatchObject(late(asker.pid));
    expect(asker.inbox.size).toBe(0);
  });

  it('may come from a suspended process, which otherwise sends nothing', async () => {
    const { router, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const answer = asker.request(target.process(asked.pid), payload.text('?'));
    const message = asked.inbox.poll();
    router.processTable.updateState(asked.pid, 'suspended');
    for (const sent of [
      asked.send(target.process(asker.pid), payload.text('x')),
      asked.publish('t', payload.text('x')),
      asked.request(target.process(asker.pid), payload.text('x')),
    ])
      await expect(sent).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(await message?.reply(payload.text('!'))).toMatchObject({ delivered: 1 });
    expect((await answer).payload).toEqual(payload.text('!'));
    router.processTable.updateState(asked.pid, 'running');
    await asked.send(target.process(asker.pid), payload.text('x'));
    await settle();
    expect(asker.inbox.size).toBe(1);
  });
});

describe('rates of a process', () => {
  it('are per second with one second of burst, refill with time, and do not count answers', async () => {
    const { router, clock, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked', { maxMessages: 2, maxToolCalls: 1 })];
    const to = target.process(asker.pid);
    for (let n = 0; n < 20; n += 1) {
      const answer = asker.request(target.process(asked.pid), payload.json(n));
      await asked.inbox.poll()?.reply(payload.json(n));
      await answer;
    }
    await asked.send(to, payload.toolCall('grep', {}));
    await expect(asked.send(to, payload.toolCall('grep', {}))).rejects.toMatchObject({
      code: 'ERR_CAPABILITY_DENIED',
      retryable: true,
    });
    await expect(asked.send(to, payload.text('x'))).rejects.toThrow('2 messages that it may per second');
    clock.advance(500);
    await asked.send(to, payload.text('x'));
    await expect(asked.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    clock.advance(60_000);
    await asked.send(to, payload.text('x'));
    await asked.send(to, payload.text('x'));
    await expect(asked.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    router.processTable.setCapabilities(asked.pid, {});
    for (let n = 0; n < 20; n += 1) await asked.send(to, payload.text('x'));
    router.processTable.setCapabilities(asked.pid, { maxMessages: 1 });
    clock.advance(1000);
    await asked.send(to, payload.text('x'));
    await expect(asked.send(to, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
  });

  it('count attempts before the gate is asked', async () => {
    let asked = 0;
    const gate = { check: () => ((asked += 1), gateDecision.deny('no')) };
    const { add } = createTeam({ gate });
    const [one, two] = [add('one', { maxMessages: 3 }), add('two')];
    for (let n = 0; n < 10; n += 1) await one.send(target.process(two.pid), payload.text('x')).catch(() => undefined);
    expect(asked).toBe(3);
  });

  it('have no limit by default', async () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    for (let n = 0; n < 6000; n += 1) {
      await one.send(target.process(two.pid), payload.text('x'));
      two.inbox.poll();
    }
  });
});
