import { describe, expect, it } from 'vitest';
import { createMessage, payload, scope, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

describe('request', () => {
  it('is completed by a reply, whatever the scope of the one who replies', async () => {
    const { router, add } = createTeam();
    const asker = add('asker');
    const mute = add('mute', { ipcScope: scope.none });
    const answer = asker.request(target.process(mute.pid), payload.text('?'), {}, { traceId: 'job-1' });
    const message = mute.inbox.poll();
    expect(message).toMatchObject({ traceId: 'job-1' });
    expect(message?.deadline).toBeTypeOf('number');
    expect(await message?.reply(payload.text('!'))).toMatchObject({ delivered: 1 });
    expect(await answer).toMatchObject({ from: mute.pid, traceId: 'job-1', payload: { text: '!' } });
    await expect(message?.reply(payload.text('again'))).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    expect(router.pendingRequestCount).toBe(0);
  });

  it('is not completed by anybody but the one who received it', async () => {
    const { router, clock, add } = createTeam();
    const [asker, asked, liar] = [add('asker'), add('asked'), add('liar')];
    const answer = asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs: 50 });
    const id = asked.inbox.poll()?.id ?? '';
    await liar.send(target.process(asker.pid), payload.text('lie'), { correlationId: id });
    expect(router.pendingRequestCount).toBe(1);
    expect(asker.inbox.poll()?.payload).toMatchObject({ text: 'lie' });
    clock.advance(50);
    await expect(answer).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('ends at once when no process can answer', async () => {
    const { router, clock, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const ask = (to: Parameters<typeof asker.request>[0]): Promise<unknown> => asker.request(to, payload.text('?'));
    await expect(ask(target.topic('empty'))).rejects.toMatchObject({ code: 'ERR_NO_RESPONDERS' });
    await expect(ask(target.process(42))).rejects.toMatchObject({ code: 'ERR_PROCESS_NOT_FOUND' });
    await expect(ask(target.service('none'))).rejects.toMatchObject({ code: 'ERR_SERVICE_NOT_FOUND' });
    const replaced = ask(target.process(asked.pid));
    router.createInbox(asked.pid);
    await expect(replaced).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    const removed = ask(target.process(asked.pid));
    router.removeInbox(asked.pid);
    await expect(removed).rejects.toMatchObject({ code: 'ERR_NO_INBOX' });
    router.createInbox(asked.pid);
    const exited = ask(target.process(asked.pid));
    router.processTable.updateState(asked.pid, 'exited');
    await expect(exited).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    expect(router.pendingRequestCount).toBe(0);
    clock.advance(100_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves nothing behind when it is aborted, and refuses an id that is live', async () => {
    const { router, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const abort = new AbortController();
    const answer = asker.request(target.process(asked.pid), payload.text('?'), { signal: abort.signal });
    abort.abort('enough');
    await expect(answer).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    expect(router.pendingRequestCount).toBe(0);
    await expect(
      asker.request(target.process(asked.pid), payload.text('?'), { signal: abort.signal }),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const message = createMessage(asker.pid, target.process(asked.pid), payload.text('?'));
    const first = router.request(message);
    await expect(router.request(message)).rejects.toMatchObject({ code: 'ERR_DUPLICATE_REQUEST' });
    expect(router.pendingRequestCount).toBe(1);
    await router.close();
    await expect(first).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('is bounded, and checks its options', async () => {
    const { add } = createTeam({ maxPendingRequests: 1 });
    const [asker, asked] = [add('asker'), add('asked')];
    const to = target.process(asked.pid);
    void asker.request(to, payload.text('?')).catch(() => undefined);
    await expect(asker.request(to, payload.text('?'))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    await expect(asker.request(to, payload.text('?'), { timeout: 5 } as never)).rejects.toThrow(
      'request has no option "timeout"',
    );
    await expect(asker.request(to, payload.text('?'), { timeoutMs: 0 })).rejects.toThrow(
      'timeoutMs must be an integer',
    );
  });

  it('has many deadlines on one timer', async () => {
    const { clock, add } = createTeam();
    const [asker, asked] = [add('asker'), add('asked')];
    const ended: number[] = [];
    for (const timeoutMs of [300, 100, 200, 101]) {
      asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs }).catch(() => ended.push(timeoutMs));
    }
    expect(clock.pendingTimers).toBe(1);
    clock.advance(106);
    await settle();
    expect(ended).toEqual([100, 101]);
    clock.advance(300);
    await settle();
    expect(ended).toEqual([100, 101, 200, 300]);
  });

  it('reaches the kernel and is answered from there', async () => {
    const { add } = createTeam({ kernelHandler: (message) => void message.reply(payload.text('kernel speaking')) });
    const asker = add('asker');
    expect(await asker.request(target.kernel, payload.text('?'))).toMatchObject({
      from: 0,
      payload: { text: 'kernel speaking' },
    });
  });
});

describe('requestMany', () => {
  it('gathers until max, until it stalls, or until its time is over', async () => {
    const { router, clock, add } = createTeam();
    const asker = add('asker');
    const others = [add('a'), add('b'), add('c')];
    for (const other of others) other.subscribe('ask');
    const ask = async (options: object, answer: (n: number) => boolean): Promise<number[]> => {
      const gathered = asker.requestMany(target.topic('ask'), payload.text('?'), options);
      for (const [n, other] of others.entries()) {
        const message = other.inbox.poll();
        if (answer(n)) await message?.reply(payload.json(n));
      }
      clock.advance(1000);
      return (await gathered).map(({ payload: body }) => (body as { value: number }).value);
    };
    expect(await ask({ max: 2 }, () => true)).toEqual([0, 1]);
    expect(await ask({ stallMs: 500, timeoutMs: 5000 }, (n) => n !== 1)).toEqual([0, 2]);
    expect(await ask({ timeoutMs: 900 }, (n) => n === 2)).toEqual([2]);
    await expect(ask({ timeoutMs: 900 }, () => false)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(asker.requestMany(target.topic('unheard'), payload.text('?'))).rejects.toMatchObject({
      code: 'ERR_NO_RESPONDERS',
    });
    expect(router.pendingRequestCount).toBe(0);
    clock.advance(100_000);
    expect(clock.pendingTimers).toBe(0);
  });
});
