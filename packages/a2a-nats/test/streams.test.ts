import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '@nats-io/transport-node';
import {
  type A2AEndpoint,
  gateDecision,
  type KernelMessage,
  payload,
  type ReceivedMessage,
  target,
} from '@agentwire/a2a-router';
import { formatPermissions, nodePermissions } from '../src/index.ts';
import { startedInEachTest, startNode, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const LONG = { timeoutMs: 60_000 };
const value = (part: KernelMessage): unknown => (part.payload as { value?: unknown }).value;

describe.skipIf(!hasServer)(
  `requests that end early and answers in parts, over NATS${unlessServer}`,
  { timeout: 30_000 },
  () => {
    let server: TestServer;
    const { start } = startedInEachTest({ flush: true });
    const pair = async (
      ofA: Parameters<typeof startNode>[3] = {},
      ofB: Parameters<typeof startNode>[3] = {},
      url = server.url,
    ): Promise<{ a: TestNode; b: TestNode; one: A2AEndpoint; two: A2AEndpoint }> => {
      const [a, b] = [await start('a', url, {}, ofA), await start('b', url, {}, ofB)];
      return { a, b, one: a.add('one'), two: b.add('two') };
    };
    const next = async (agent: A2AEndpoint): Promise<ReceivedMessage> => {
      const message = await agent.inbox.receive(LONG);
      if (message === undefined) throw new Error('no message');
      return message;
    };
    const aborted = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve());
      });
    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server.stop());

    it.each(['process', 'service'])('abort the signal of the handler when the asker gives up (%s)', async (way) => {
      const { a, b, one, two } = await pair();
      two.provide('jobs');
      await b.backend.flush();
      const to = way === 'process' ? target.remoteNode('b', target.process(two.pid)) : target.service('jobs');
      const abort = new AbortController();
      const asking = one.request(to, payload.text('?'), { ...LONG, signal: abort.signal });
      const ended = expect(asking).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      const { signal, reply } = await next(two);
      expect(signal.aborted).toBe(false);
      // Who works on it is told about; a service's asker knows no node before.
      await b.backend.flush();
      await a.backend.flush();
      abort.abort();
      await ended;
      await aborted(signal);
      expect(signal.reason).toMatchObject({ code: 'ERR_ABORTED' });
      expect(await reply(payload.text('late'))).toMatchObject({ rejected: [{ code: 'ERR_REQUEST_ENDED' }] });
    });

    it('abort it too when the handler looks only after the asker has given up, and when the asking process exits', async () => {
      const { a, b, one, two } = await pair();
      two.provide('jobs');
      await b.backend.flush();
      const abort = new AbortController();
      const asking = one.request(target.service('jobs'), payload.text('?'), { ...LONG, signal: abort.signal });
      const ended = expect(asking).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      const message = await next(two);
      abort.abort();
      await ended;
      await aborted(message.signal);

      const exits = a.add('exits');
      const lost = expect(
        exits.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG),
      ).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      const { signal } = await next(two);
      a.router.processTable.updateState(exits.pid, 'exited');
      await lost;
      await aborted(signal);
    });

    it('tell those who still work on a topic that enough others have answered, and not who has answered', async () => {
      const { a, b, one, two } = await pair();
      const c = await start('c', server.url);
      const three = c.add('three');
      two.subscribe('poll');
      three.subscribe('poll');
      await Promise.all([b.backend.flush(), c.backend.flush()]);
      const asking = one.requestMany(target.topic('poll'), payload.text('?'), { ...LONG, max: 1 });
      const [fast, slow] = [await next(two), await next(three)];
      const [signalOfFast, signalOfSlow] = [fast.signal, slow.signal];
      await c.backend.flush();
      await a.backend.flush();
      await fast.reply(payload.text('yes'));
      expect(await asking).toHaveLength(1);
      await aborted(signalOfSlow);
      expect(signalOfFast.aborted).toBe(false);
    });

    it('end with the error that the handler gave, code and message', async () => {
      const { one, two } = await pair();
      const asking = one.request(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
      const ended = expect(asking).rejects.toMatchObject({ code: 'ERR_HANDLER', message: 'no such thing' });
      await (await next(two)).reply.error(new Error('no such thing'));
      await ended;
    });

    it('bring 10 000 parts in order, while a slow reader holds the writer back', async () => {
      const { a, b, one, two } = await pair();
      two.provide('numbers');
      await b.backend.flush();
      let written = 0;
      let read = 0;
      let ahead = 0;
      const writing = (async () => {
        const { reply } = await next(two);
        for (let i = 0; i < 10_000; i += 1) {
          await reply.write(payload.json(i));
          written += 1;
          ahead = Math.max(ahead, written - read);
        }
        await reply.end();
      })();
      const stream = one.requestStream(target.service('numbers'), payload.text('all'), { ...LONG, window: 8 });
      for await (const part of stream) {
        expect(value(part)).toBe(read);
        read += 1;
        // A reader that stops for a while: what it has room for comes, and no more.
        if (read === 100) await until(() => written === 108);
        if (read === 100) for (let i = 0; i < 50; i += 1) await a.backend.flush();
      }
      await writing;
      expect(read).toBe(10_000);
      expect(ahead).toBeLessThanOrEqual(9);
      expect(a.router.pendingRequestCount).toBe(0);
    });

    it('give credits back after each half of the window', async () => {
      const { b, one, two } = await pair();
      two.provide('numbers');
      const raw = await connect({ servers: server.url });
      const credits: unknown[] = [];
      raw.subscribe('a2a.a.node.b.credit', { callback: (_error, msg) => void credits.push(msg.json()) });
      await raw.flush();
      await b.backend.flush();
      const stream = one.requestStream(target.service('numbers'), payload.text('all'), { ...LONG, window: 8 });
      const writing = (async () => {
        const { reply } = await next(two);
        for (let n = 0; n < 20; n += 1) await reply.write(payload.json(n));
        await reply.end();
      })();
      const parts: unknown[] = [];
      for await (const part of stream) parts.push(value(part));
      await writing;
      expect(parts).toEqual(Array.from({ length: 20 }, (_, n) => n));
      await until(() => credits.length === 5);
      expect(credits.map((credit) => (credit as { read: number }).read)).toEqual([4, 8, 12, 16, 20]);
      await raw.close();
    });

    it('keep the order of parts when a gate of the asker thinks longer about the first one', async () => {
      const waiting: (() => void)[] = [];
      const gate = {
        check: (agentId: string) =>
          agentId.startsWith('b/')
            ? new Promise<typeof gateDecision.permit>((resolve) => {
                waiting.push(() => resolve(gateDecision.permit));
              })
            : gateDecision.permit,
      };
      const { one, two } = await pair({ gate });
      const stream = one.requestStream(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
      const { reply } = await next(two);
      await reply.write(payload.json(1));
      await reply.write(payload.json(2));
      await reply.end();
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const part of stream) seen.push(value(part));
      })();
      for (let i = 0; i < 3; i += 1) {
        await until(() => waiting.length > 0);
        // the one that came last is decided first
        waiting.pop()?.();
      }
      await reading;
      expect(seen).toEqual([1, 2]);
    });

    it('end with what the writer says, after the parts before it, and with a reader that leaves', async () => {
      const { a, b, one, two } = await pair();
      const to = target.remoteNode('b', target.process(two.pid));
      const failing = one.requestStream(to, payload.text('?'), LONG);
      const first = await next(two);
      await first.reply.write(payload.json(1));
      await first.reply.error(new Error('broken'));
      expect(await failing.next()).toMatchObject({ value: { payload: { value: 1 } } });
      await expect(failing.next()).rejects.toMatchObject({ code: 'ERR_HANDLER', message: 'broken' });

      const left = one.requestStream(to, payload.text('?'), { ...LONG, window: 1 });
      const second = await next(two);
      const { signal } = second;
      await second.reply.write(payload.json(1));
      const blocked = expect(second.reply.write(payload.json(2))).rejects.toMatchObject({ code: 'ERR_REQUEST_ENDED' });
      await left.return();
      await blocked;
      await aborted(signal);
      expect(a.router.pendingRequestCount).toBe(0);
      await b.router.close();
    });

    it('end a stream whose writer exits with its code', async () => {
      const { b, one, two } = await pair();
      const stream = one.requestStream(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
      const { reply } = await next(two);
      await reply.write(payload.json(1));
      b.router.processTable.updateState(two.pid, 'exited');
      expect(await stream.next()).toMatchObject({ value: { payload: { value: 1 } } });
      await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_INBOX_CLOSED' });
    });

    it('refuse a part that is too long, and go on with the next', async () => {
      const { one, two } = await pair();
      const stream = one.requestStream(target.remoteNode('b', target.process(two.pid)), payload.text('?'), LONG);
      const { reply } = await next(two);
      await expect(reply.write(payload.text('x'.repeat(2_000_000)))).rejects.toMatchObject({
        code: 'ERR_MESSAGE_TOO_LARGE',
      });
      await reply.write(payload.json(1));
      await reply.end();
      const seen: unknown[] = [];
      for await (const part of stream) seen.push(value(part));
      expect(seen).toEqual([1]);
    });

    describe('on a server with permissions', () => {
      let guarded: TestServer;
      const auth = (user: string): { auth: { user: string; pass: string } } => ({ auth: { user, pass: 'secret' } });
      beforeAll(async () => {
        const grants = { a: { services: { call: ['numbers'] } }, b: { services: { serve: ['numbers'] } }, evil: {} };
        const users = Object.entries(grants).map(
          ([name, granted]) => `{ user: ${name}, pass: secret, ${formatPermissions(nodePermissions(name, granted))} }`,
        );
        guarded = await startServer(`authorization { users: [ { user: admin, pass: secret }, ${users.join(', ')} ] }`);
      });
      afterAll(() => guarded.stop());

      it('fail when a part is missing or forged, and take no cancel, credit or part from another node', async () => {
        const [a, b] = [await start('a', guarded.url, auth('a')), await start('b', guarded.url, auth('b'))];
        const [one, two] = [a.add('one'), b.add('two')];
        two.provide('numbers');
        await b.backend.flush();
        const admin = await connect({ servers: guarded.url, user: 'admin', pass: 'secret' });
        const evil = await connect({ servers: guarded.url, user: 'evil', pass: 'secret' });
        let asked: { id: string; reply: string } | undefined;
        admin.subscribe('a2a.a.service.>', {
          callback: (_error, msg) => void (asked = { id: msg.json<{ id: string }>().id, reply: msg.reply ?? '' }),
        });
        await admin.flush();
        const stream = one.requestStream(target.service('numbers'), payload.text('?'), { ...LONG, window: 1 });
        const { reply, signal } = await next(two);
        await until(() => asked !== undefined);
        const { id = '', reply: replyTo = '' } = asked ?? {};
        const token = replyTo.split('.').at(-1) ?? '';
        const part = (fields: object): string =>
          JSON.stringify({
            id: 'e'.repeat(32),
            from: two.pid,
            target: 'Kernel',
            payload: { Json: 'forged' },
            timestamp: new Date(0).toISOString(),
            streamed: 'part',
            part: 1,
            ...fields,
          });
        await reply.write(payload.json(1));
        const blocked = reply.write(payload.json(2));
        await b.backend.flush();
        const malformed = a.backend.stats.malformed;
        // As itself it is not the writer; under the name of the writer the server does not let it.
        evil.publish(`a2a.evil.reply.a.${token}`, part({ part: 2 }));
        evil.publish(`a2a.b.reply.a.${token}`, part({ part: 2 }));
        evil.publish('a2a.evil.node.b.cancel', JSON.stringify({ id }));
        evil.publish('a2a.evil.node.b.credit', JSON.stringify({ id, read: 1000 }));
        evil.publish('a2a.a.node.b.cancel', JSON.stringify({ id }));
        await evil.flush();
        await until(() => a.backend.stats.malformed > malformed);
        await b.backend.flush();
        expect(signal.aborted).toBe(false);
        expect(await stream.next()).toMatchObject({ value: { payload: { value: 1 } } });
        await blocked;
        expect(await stream.next()).toMatchObject({ value: { payload: { value: 2 } } });
        // A part that is lost on the way: the stream fails, and its writer is told.
        admin.publish(`a2a.b.reply.a.${token}`, part({ part: 7 }));
        await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CLOSED', message: /4 parts .* lost/ });
        await aborted(signal);

        // More parts than there is room for.
        const greedy = one.requestStream(target.service('numbers'), payload.text('?'), { ...LONG, window: 1 });
        const third = await next(two);
        await third.reply.write(payload.json(1));
        await b.backend.flush();
        await until(() => asked?.id !== id);
        const other = asked?.reply.split('.').at(-1) ?? '';
        admin.publish(`a2a.b.reply.a.${other}`, part({ part: 2 }));
        await admin.flush();
        await a.backend.flush();
        expect(await greedy.next()).toMatchObject({ value: { payload: { value: 1 } } });
        await expect(greedy.next()).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
        await Promise.all([admin.close(), evil.close()]);
      });
    });
  },
);
