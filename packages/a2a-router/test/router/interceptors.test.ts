import { AgentwireError } from '@agentwire/core';
import { describe, expect, it } from 'vitest';
import { gateDecision, type Interceptor, payload, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

describe('interceptors', () => {
  it('run around every send, the first one outermost, before the gate', async () => {
    const seen: string[] = [];
    const named = (name: string): Interceptor => ({
      send: async (message, next) => {
        seen.push(`${name} ${message.from}`);
        const report = await next();
        seen.push(`${name} ${report.delivered}`);
        return report;
      },
    });
    const gate = { check: () => (seen.push('gate'), gateDecision.permit) };
    const { add } = createTeam({ gate, interceptors: [named('a'), {}, named('b')] });
    const [one, two] = [add('one'), add('two')];
    expect(await one.send(target.process(two.pid), payload.text('x'))).toMatchObject({ delivered: 1 });
    expect(seen).toEqual(['a 1', 'b 1', 'gate', 'b 1', 'a 1']);
    two.inbox.poll();
    const answer = one.request(target.process(two.pid), payload.text('?'));
    await settle();
    await two.inbox.poll()?.reply(payload.text('!'));
    expect((await answer).payload).toEqual(payload.text('!'));
    expect(seen.filter((line) => line === 'a 2')).toHaveLength(1);
  });

  it('refuse by an exception, send once, cannot change the message, and must give a report back', async () => {
    let how: Interceptor['send'] = () => Promise.reject(new AgentwireError('ERR_OVERLOADED', 'not now'));
    const { router, add } = createTeam({ interceptors: [{ send: (message, next) => (how ?? next)(message, next) }] });
    const [one, two] = [add('one'), add('two')];
    const send = (): Promise<unknown> => one.send(target.process(two.pid), payload.json({ n: 1 }));
    await expect(send()).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    await expect(one.request(target.process(two.pid), payload.text('?'))).rejects.toMatchObject({
      code: 'ERR_OVERLOADED',
    });
    how = () => {
      throw new Error('boom');
    };
    await expect(send()).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    how = () => undefined as never;
    await expect(send()).rejects.toThrow('gave no report back');
    expect(two.inbox.size).toBe(0);
    how = async (message, next) => {
      Object.assign(message.payload, { kind: 'text', text: 'changed' });
      await next();
      return next();
    };
    expect(await send()).toMatchObject({ delivered: 1 });
    expect(two.inbox.size).toBe(1);
    expect(two.inbox.poll()?.payload).toEqual(payload.json({ n: 1 }));
    expect(router.pendingRequestCount).toBe(0);
  });

  it('run around the handlers of serve, whose result or error is the answer', async () => {
    const seen: string[] = [];
    const { router, add } = createTeam({
      interceptors: [
        {
          handle: async (message, next) => {
            seen.push(`before ${message.id.length}`);
            try {
              return await next();
            } finally {
              seen.push('after');
            }
          },
        },
      ],
    });
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    const serving = two.serve((message) => {
      if (message.payload.kind === 'signal') throw new AgentwireError('ERR_UNSUPPORTED', 'no signals');
      return payload.text('!');
    });
    expect((await one.request(to, payload.text('?'))).payload).toEqual(payload.text('!'));
    await expect(one.request(to, payload.signal('Wake'))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    await one.send(to, payload.signal('Wake'));
    await settle();
    expect(seen).toEqual(['before 32', 'after', 'before 32', 'after', 'before 32', 'after']);
    router.processTable.updateState(two.pid, 'exited');
    await serving;
  });

  it('are checked, and serve ends with its signal and bounds what runs at once', async () => {
    expect(() => createTeam({ interceptors: [{ sent: 1 } as never] })).toThrow('has no option "sent"');
    expect(() => createTeam({ interceptors: 1 as never })).toThrow('interceptors must be a list');
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    await expect(two.serve(1 as never)).rejects.toThrow('must be a function');
    await expect(two.serve(() => undefined, { concurrency: 0 })).rejects.toThrow('concurrency must be an integer');
    const abort = new AbortController();
    let running = 0;
    const release: (() => void)[] = [];
    const serving = two.serve(
      async () => {
        running += 1;
        await new Promise<void>((resolve) => release.push(resolve));
      },
      { concurrency: 2, signal: abort.signal },
    );
    for (let n = 0; n < 4; n += 1) await one.send(to, payload.json(n));
    await settle();
    expect(running).toBe(2);
    abort.abort();
    for (const end of release) end();
    await serving;
    expect(two.inbox.size).toBe(2);
  });
});
