import { createServer } from 'node:net';
import { connect } from '@nats-io/transport-node';
import { createManualClock } from '@agentwire/core/testing';
import { expect, it, onTestFinished } from 'vitest';
import { tail } from '../src/index.ts';
import { startNode, until } from './node.ts';
import { hasServer, startServer, unlessServer } from './server.ts';

it.skipIf(!hasServer)(
  `tail names what nodes tell each other, and calls none of it unreadable${unlessServer}`,
  { timeout: 30_000 },
  async () => {
    const server = await startServer();
    onTestFinished(() => server.stop());
    let ready: () => void = () => undefined;
    const listening = new Promise<void>((resolve) => (ready = resolve));
    const ending = new AbortController();
    const messages = tail(server.url, { onReady: () => ready(), signal: ending.signal });
    const first = messages.next();
    await listening;
    const node = await startNode('a', server.url);
    onTestFinished(() => node.close());
    expect((await first).value).toMatchObject({ source: 'a', way: 'node', control: 'hello', problem: undefined });
    const other = await connect({ servers: server.url });
    onTestFinished(() => other.close());
    other.publish('a2a.b.reply.a.x', '{"taken":true}');
    let next = (await messages.next()).value;
    expect(next).toMatchObject({ source: 'a', way: 'presence', control: 'presence', problem: undefined });
    while (next?.way === 'presence') next = (await messages.next()).value;
    expect(next).toMatchObject({ way: 'reply', control: 'taken', problem: undefined });
    ending.abort();
    await messages.return(undefined);
  },
);

it.skipIf(!hasServer)(
  `tail holds a bounded number of bytes for one that does not take them${unlessServer}`,
  async () => {
    const server = await startServer();
    onTestFinished(() => server.stop());
    let ready: () => void = () => undefined;
    const listening = new Promise<void>((resolve) => (ready = resolve));
    const manual = createManualClock();
    let seen = 0;
    const wallNow = (): number => {
      seen += 1;
      return manual.wallNow();
    };
    const messages = tail(server.url, {
      onReady: () => ready(),
      clock: { ...manual, wallNow },
      maxQueuedBytes: 1024 * 1024,
      prefix: 'bytes',
    });
    const first = messages.next();
    await listening;
    const other = await connect({ servers: server.url });
    onTestFinished(() => other.close());
    const text = JSON.stringify({ error: { code: 'ERR_CLOSED', message: 'x'.repeat(300_000) } });
    for (let n = 0; n < 11; n += 1) other.publish(`bytes.b.reply.a.${n}`, text);
    await other.flush();
    expect((await first).value).toMatchObject({ skipped: 0 });
    other.publish('bytes.b.reply.a.end', '{"taken":true}');
    await until(() => seen === 12);
    // three of the long ones have room, and the short one
    expect((await messages.next()).value).toMatchObject({ problem: 'ERR_CLOSED', skipped: 7 });
    for (const left of [1, 2]) expect((await messages.next()).value, `${left}`).toMatchObject({ skipped: 0 });
    expect((await messages.next()).value).toMatchObject({ control: 'taken', skipped: 0 });
    await messages.return(undefined);
  },
);

it('tail that is ended while it connects ends at once', async () => {
  const silent = createServer();
  const asked = new Promise<void>((resolve) => void silent.once('connection', () => resolve()));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const ending = new AbortController();
  const messages = tail(`nats://127.0.0.1:${port}`, { signal: ending.signal });
  const first = messages.next();
  await asked;
  ending.abort();
  expect(await first).toEqual({ done: true, value: undefined });
  silent.close();
});
