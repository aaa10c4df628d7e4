import { connect } from '@nats-io/transport-node';
import { expect, it, onTestFinished } from 'vitest';
import { tail } from '../src/index.ts';
import { startNode } from './node.ts';
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
