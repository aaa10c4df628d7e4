import { AgentwireError } from '@agentwire/core';
import { describe, expect, it } from 'vitest';
import {
  createChain,
  gateDecision,
  type KernelMessage,
  payload,
  type ReceivedMessage,
  scope,
  target,
} from '../../src/index.ts';
import { createTeam, settle, type Team } from '../team.ts';

interface Pair extends Team {
  readonly asker: ReturnType<Team['add']>;
  readonly asked: ReturnType<Team['add']>;
  readonly to: ReturnType<typeof target.process>;
}

function createPair(settings: Parameters<typeof createTeam>[0] = {}): Pair {
  const team = createTeam(settings);
  const [asker, asked] = [team.add('asker'), team.add('asked', { ipcScope: scope.none })];
  return { ...team, asker, asked, to: target.process(asked.pid) };
}

const take = (inbox: Pair['asked']['inbox']): ReceivedMessage => {
  const message = inbox.poll();
  if (message === undefined) throw new Error('no message');
  return message;
};
const number = (part: KernelMessage | undefined): unknown => (part?.payload as { value?: unknown } | undefined)?.value;

describe('message.signal', () => {
  it.each(['abort', 'timeout', 'exit', 'inbox', 'close'])(
    'aborts when the asker does not wait any more (%s)',
    async (how) => {
      const { router, clock, asker, asked, to } = createPair();
      const abort = new AbortController();
      const answer = asker.request(to, payload.text('long job'), { signal: abort.signal, timeoutMs: 50 });
      const ended = expect(answer).rejects.toBeInstanceOf(AgentwireError);
      const { signal } = take(asked.inbox);
      expect(signal.aborted).toBe(false);
      if (how === 'abort') abort.abort();
      else if (how === 'timeout') clock.advance(60);
      else if (how === 'exit') router.processTable.updateState(asker.pid, 'exited');
      else if (how === 'inbox') router.removeInbox(asker.pid);
      else await router.close();
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toBeInstanceOf(AgentwireError);
      await ended;
    },
  );

  it('may have a listener that throws, which is logged and ends nothing', async () => {
    const lines: string[] = [];
    const note = (_fields: object, message: string): void => void lines.push(message);
    const { clock, add } = createTeam({ logger: { debug: note, info: note, warn: note, error: note } });
    const [asker, asked] = [add('asker'), add('asked')];
    const answer = asker.request(target.process(asked.pid), payload.text('?'), { timeoutMs: 50 });
    const ended = expect(answer).rejects.toBeInstanceOf(AgentwireError);
    const told: string[] = [];
    const { signal } = take(asked.inbox);
    signal.addEventListener('abort', () => JSON.parse('no json'));
    signal.addEventListener('abort', () => told.push('second'));
    clock.advance(60);
    await ended;
    expect([lines, told]).toEqual([['a listener of the signal of a request threw'], ['second']]);
  });

  it('is aborted already for a request that ended before it was looked at', async () => {
    const { asker, asked, to } = createPair();
    const abort = new AbortController();
    const ended = expect(asker.request(to, payload.text('?'), { signal: abort.signal })).rejects.toThrow('aborted');
    abort.abort();
    await ended;
    const message = take(asked.inbox);
    expect(message.signal.aborted).toBe(true);
    expect(message.signal.reason).toMatchObject({ code: 'ERR_REQUEST_ENDED' });
  });

  it('aborts for those whose answer is not wanted any more, and not for the one who answered', async () => {
    const { add } = createTeam();
    const asker = add('asker');
    const others = [add('a'), add('b')];
    for (const other of others) other.subscribe('ask');
    const answer = asker.request(target.topic('ask'), payload.text('?'));
    const [one, two] = others.map(({ inbox }) => take(inbox));
    const signals = [one?.signal, two?.signal];
    await one?.reply(payload.text('!'));
    await answer;
    expect(signals.map((signal) => signal?.aborted)).toEqual([false, true]);
  });

  it('never aborts for a message without a waiting asker', async () => {
    const { router, asker, asked, to } = createPair();
    await asker.send(to, payload.text('x'));
    const { signal } = take(asked.inbox);
    router.processTable.updateState(asker.pid, 'exited');
    expect(signal.aborted).toBe(false);
  });
});

describe('requestStream', () => {
  it('gives the parts in order and ends', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { router, asker, asked, to } = createPair({ chain });
    const stream = asker.requestStream(to, payload.text('count'));
    const message = take(asked.inbox);
    expect(message.expects).toBe('stream');
    const writing = (async () => {
      for (let n = 0; n < 100; n += 1) await message.reply.write(payload.json(n));
      await message.reply.end();
    })();
    const seen: unknown[] = [];
    for await (const part of stream) seen.push(number(part));
    await writing;
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(router.pendingRequestCount).toBe(0);
    expect(asker.inbox.size).toBe(0);
    await expect(message.reply.write(payload.json(1))).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(() => chain.verify()).not.toThrow();
    expect(chain.tail().filter(({ kind }) => kind === 'ipc.send')).toHaveLength(102);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('makes the writer wait while the reader has a window of unread parts', async () => {
    const { asker, asked, to } = createPair();
    const stream = asker.requestStream(to, payload.text('count'), { window: 3 });
    const { reply } = take(asked.inbox);
    let written = 0;
    const writes = Array.from({ length: 10 }, (_, n) => reply.write(payload.json(n)).then(() => (written += 1)));
    await settle();
    expect(written).toBe(3);
    expect(number((await stream.next()).value)).toBe(0);
    await settle();
    expect(written).toBe(4);
    const seen: unknown[] = [];
    const ending = reply.end();
    for await (const part of stream) seen.push(number(part));
    await Promise.all([...writes, ending]);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('keeps the order while a gate thinks about some of the parts', async () => {
    let asks = 0;
    const { asker, asked, to } = createPair({
      gate: {
        check: () => ((asks += 1) % 2 === 0 ? Promise.resolve().then(() => gateDecision.permit) : gateDecision.permit),
      },
    });
    const stream = asker.requestStream(to, payload.text('count'));
    const { reply } = take(asked.inbox);
    const writes = [1, 2, 3, 4, 5].map((n) => reply.write(payload.json(n)));
    const ending = reply.end();
    const seen: unknown[] = [];
    for await (const part of stream) seen.push(number(part));
    await Promise.all([...writes, ending]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('tells the writer of a part that the gate denies, and goes on', async () => {
    const { asker, asked, to } = createPair({
      gate: {
        check: (_, __, { payloadType }) => (payloadType === 'binary' ? gateDecision.deny('no') : gateDecision.permit),
      },
    });
    const stream = asker.requestStream(to, payload.text('?'), { window: 1 });
    const { reply } = take(asked.inbox);
    for (let n = 0; n < 3; n += 1)
      await expect(reply.write(payload.binary(new Uint8Array(1)))).rejects.toMatchObject({
        code: 'ERR_CAPABILITY_DENIED',
      });
    await reply.write(payload.json(1));
    expect(number((await stream.next()).value)).toBe(1);
  });

  it('ends with the error of the writer, after the parts that came before', async () => {
    const { router, asker, asked, to } = createPair();
    const stream = asker.requestStream(to, payload.text('?'));
    const { reply } = take(asked.inbox);
    await reply.write(payload.json(1));
    await reply.error(new AgentwireError('ERR_OVERLOADED', 'too much'));
    expect(number((await stream.next()).value)).toBe(1);
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_OVERLOADED', message: 'too much' });
    expect(await stream.next()).toMatchObject({ done: true });
    expect(router.pendingRequestCount).toBe(0);
    const single = expect(asker.request(to, payload.text('?'))).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    await take(asked.inbox).reply.error(new Error('boom'));
    await single;
  });

  it.each(['break', 'abort', 'timeout', 'exit of the writer', 'close'])('leaves nothing behind (%s)', async (how) => {
    const { router, clock, asker, asked, to } = createPair();
    const abort = new AbortController();
    const stream = asker.requestStream(to, payload.text('?'), { window: 1, timeoutMs: 50, signal: abort.signal });
    const { reply, signal } = take(asked.inbox);
    expect(signal.aborted).toBe(false);
    await reply.write(payload.json(1));
    const blocked = expect(reply.write(payload.json(2))).rejects.toMatchObject({ code: 'ERR_REQUEST_ENDED' });
    const unread = expect(reply.end()).rejects.toMatchObject({ code: 'ERR_REQUEST_ENDED' });
    await settle();
    if (how === 'break') for await (const part of stream) if (number(part) === 1) break;
    if (how === 'abort') abort.abort();
    if (how === 'timeout') clock.advance(60);
    if (how === 'exit of the writer') router.processTable.updateState(asked.pid, 'exited');
    if (how === 'close') await router.close();
    // A writer that has exited, and a router that is closed, refuse before anybody asks what was to be written; a reader that
    // reads one part and leaves has made room for the next one.
    if (how === 'exit of the writer' || how === 'close' || how === 'break') await Promise.allSettled([blocked, unread]);
    else await Promise.all([blocked, unread]);
    expect(signal.aborted).toBe(true);
    expect(router.pendingRequestCount).toBe(0);
    clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
    if (how === 'break') expect(await stream.next()).toEqual({ done: true, value: undefined });
    else {
      expect(number((await stream.next()).value)).toBe(1);
      await expect(stream.next()).rejects.toBeInstanceOf(AgentwireError);
    }
  });

  it('takes a single answer as all of it, and refuses what cannot be', async () => {
    const { asker, asked, to, router } = createPair();
    const stream = asker.requestStream(to, payload.text('?'));
    await take(asked.inbox).reply(payload.json(7));
    expect(number((await stream.next()).value)).toBe(7);
    expect(await stream.next()).toMatchObject({ done: true });
    expect(() => asker.requestStream(target.topic('t'), payload.text('?'))).toThrow('a stream has one writer');
    expect(() => asker.requestStream(to, payload.text('?'), { window: 0 })).toThrow('window must be an integer');
    expect(() => asker.requestStream(to, payload.text('?'), { size: 1 } as never)).toThrow(
      'requestStream has no option',
    );
    await expect(asker.requestStream(target.process(99), payload.text('?')).next()).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_FOUND',
    });
    void asker.request(to, payload.text('?')).catch(() => undefined);
    await expect(take(asked.inbox).reply.write(payload.json(1))).rejects.toThrow('does not wait in requestStream');
    await asker.send(to, payload.text('x'));
    await expect(take(asked.inbox).reply.error('x')).rejects.toThrow('does not wait in request');
    await router.close();
    expect(() => asker.requestStream(to, payload.text('?'))).toThrow('the router is closed');
  });

  it('bounds the writes that wait', async () => {
    const { asker, asked, to, router } = createPair();
    const stream = asker.requestStream(to, payload.text('?'), { window: 1 });
    const { reply } = take(asked.inbox);
    const writes = Array.from({ length: 1100 }, () =>
      reply.write(payload.json(1)).then(
        () => 'sent',
        (error: unknown) => (error as AgentwireError).code,
      ),
    );
    await stream.return();
    const outcomes = await Promise.all(writes);
    expect(outcomes.filter((outcome) => outcome === 'ERR_OVERLOADED').length).toBe(76);
    expect(router.pendingRequestCount).toBe(0);
  });
});
