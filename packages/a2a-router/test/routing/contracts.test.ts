import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gateDecision, payload, target } from '../../src/index.ts';
import type { SchemaResult, StandardSchema } from '../../src/internal.ts';
import { createTeam, settle } from '../team.ts';

function schema(validate: (value: unknown) => SchemaResult | Promise<SchemaResult>): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const numbers = (value: unknown): SchemaResult => {
  const list: unknown = (value as { list?: unknown } | null)?.list;
  return Array.isArray(list) && list.every((item) => typeof item === 'number')
    ? { value }
    : { issues: [{ message: `got ${JSON.stringify(value)}`, path: ['list', { key: 0 }] }] };
};
const isNumber = (value: unknown): SchemaResult =>
  typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] };

const to = target.serviceMethod('math', 'sum');
const good = payload.json({ list: [1, 2] });
const bad = payload.json({ list: ['secret'] });

describe('a contract', () => {
  it('is taken as zod writes it', async () => {
    const { add } = createTeam();
    const [asker, worker] = [add('asker'), add('worker')];
    worker.provide('math', { methods: { sum: { args: z.object({ list: z.array(z.number()) }), answer: z.number() } } });
    void worker.serve(() => payload.json(3));
    expect(await asker.request(to, good)).toMatchObject({ payload: { value: 3 } });
    await expect(asker.request(to, bad)).rejects.toMatchObject({ detail: { paths: ['list.0'] } });
    await expect(asker.request(to, payload.text('{"list":[1]}'))).rejects.toThrow(
      'the arguments of math.sum do not fit its schema: its payload is text, not JSON',
    );
  });

  it.each(['sync', 'async'])('checks arguments at the receiver, before a handler sees them (%s)', async (how) => {
    const { router, add } = createTeam();
    const [asker, worker] = [add('asker'), add('worker')];
    const args = how === 'sync' ? schema(numbers) : schema((value) => Promise.resolve(numbers(value)));
    worker.provide('math', { methods: { sum: { args }, other: {} } });
    const refused = asker.request(to, bad);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', detail: { paths: ['list.0'] } });
    await expect(refused).rejects.not.toThrow('secret');
    await expect(asker.send(to, payload.toolCall('sum', { list: 1 }))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    expect(worker.inbox.size).toBe(0);
    expect(router.pendingRequestCount).toBe(0);
    await asker.send(to, good);
    await asker.send(to, payload.toolCall('sum', { list: [1] }));
    await asker.send(target.serviceMethod('math', 'other'), bad);
    expect(worker.inbox.size).toBe(3);
    await expect(asker.send(target.serviceMethod('math', 'none'), good)).rejects.toMatchObject({
      code: 'ERR_SERVICE_NOT_FOUND',
    });
    expect(router.serviceRegistry?.get('math')?.methods).toEqual(['sum', 'other']);
  });

  it('checks answers, and each part of a streamed one', async () => {
    const { add } = createTeam();
    const [asker, worker] = [add('asker'), add('worker')];
    worker.provide('math', { methods: { sum: { answer: schema(isNumber) } } });
    const answer = asker.request(to, good);
    const message = worker.inbox.poll();
    await expect(message?.reply(payload.text('three'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await message?.reply(payload.json(3));
    expect((await answer).payload).toEqual(payload.json(3));
    const stream = asker.requestStream(to, good);
    const { reply } = worker.inbox.poll() ?? {};
    await expect(reply?.write(payload.text('three'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await reply?.write(payload.json(3));
    await reply?.end();
    expect((await stream.next()).value?.payload).toEqual(payload.json(3));
    const failed = expect(asker.request(to, good)).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    await worker.inbox.poll()?.reply.error(new Error('boom'));
    await failed;
  });

  it('delivers nothing that a schema could not check', async () => {
    const { clock, add } = createTeam({ gateTimeoutMs: 100 });
    const [asker, worker] = [add('asker'), add('worker')];
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('boom');
      },
      () => Promise.reject(new Error('boom')),
      () => undefined,
      () => ({}),
      () => ({ issues: [] }),
      () => new Promise(() => undefined),
    ];
    let turn = 0;
    worker.provide('math', { methods: { sum: { args: schema(() => answers[turn++]?.() as never) } } });
    for (const code of [
      'ERR_HANDLER',
      'ERR_HANDLER',
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
      'ERR_TIMEOUT',
    ]) {
      const sent = expect(asker.send(to, good)).rejects.toMatchObject({ code });
      await settle();
      clock.advance(100);
      await sent;
    }
    expect(worker.inbox.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('delivers no request that ended while its arguments were checked', async () => {
    let resolve: (result: SchemaResult) => void = () => undefined;
    const { router, add } = createTeam();
    const [asker, worker] = [add('asker'), add('worker')];
    worker.provide('math', { methods: { sum: { args: schema(() => new Promise((done) => (resolve = done))) } } });
    const abort = new AbortController();
    const ended = expect(asker.request(to, good, { signal: abort.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    abort.abort();
    await ended;
    resolve({ value: 1 });
    await settle();
    expect(worker.inbox.size + router.deadLetters.size + router.pendingRequestCount).toBe(0);
  });

  it('is checked by the sender too when the router is told so, before gate and chain', async () => {
    let asked = 0;
    const gate = { check: () => ((asked += 1), gateDecision.permit) };
    const { add } = createTeam({ gate, checkContracts: 'both' });
    const [asker, worker] = [add('asker'), add('worker')];
    worker.provide('math', { methods: { sum: { args: schema((value) => Promise.resolve(numbers(value))) } } });
    await expect(asker.send(to, bad)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(asker.request(to, bad)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(asked).toBe(0);
    expect(await asker.send(to, good)).toMatchObject({ delivered: 1 });
  });

  it('is that of the first owner', () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const args = schema(numbers);
    one.provide('math', { methods: { sum: { args } } });
    two.provide('math', { methods: { sum: { args } } });
    two.provide('math', { methods: ['sum'] });
    expect(() => two.provide('math', { methods: { sum: { args: schema(numbers) } } })).toThrow('another contract');
    expect(() => one.provide('x', { methods: { sum: { args: {} as never } } })).toThrow('must be a Standard Schema');
    expect(() => one.provide('x', { methods: { sum: { arg: args } as never } })).toThrow('has no option "arg"');
  });
});

describe('the gate', () => {
  it('sees the arguments, and cannot change them', async () => {
    const seen: unknown[] = [];
    const { add } = createTeam({
      gate: {
        check: (_, __, { args }) => {
          seen.push(structuredClone(args));
          if (typeof args === 'object' && args !== null) Object.assign(args, { path: '/etc' });
          return gateDecision.permit;
        },
      },
    });
    const [one, two] = [add('one'), add('two')];
    const sender = target.process(two.pid);
    await one.send(sender, payload.toolCall('read', { path: '/tmp' }));
    await one.send(sender, payload.json({ path: '/tmp' }));
    await one.send(sender, payload.text('x'));
    expect(seen).toEqual([{ path: '/tmp' }, { path: '/tmp' }, 'x']);
    expect(two.inbox.poll()?.payload).toMatchObject({ args: { path: '/tmp' } });
    expect(two.inbox.poll()?.payload).toMatchObject({ value: { path: '/tmp' } });
  });
});
