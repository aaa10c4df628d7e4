import { describe, expect, test } from 'vitest';
import { type Agent, allow, defineAgent } from '../../src/index.ts';
import { connectRawProxy, iteration } from './raw-proxy.ts';

interface Pending {
  readonly agent: Agent;
  /** Signals of the handlers that run. */
  readonly signals: AbortSignal[];
  /** Lets every handler decide. */
  readonly decide: () => void;
}

/** An agent whose handlers decide when the test lets them. */
function pendingAgent(): Pending {
  const signals: AbortSignal[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const agent = defineAgent({
    name: 'a',
    version: '1',
    async onRequestHeaders(_request, { signal }) {
      signals.push(signal);
      await promise;
      return allow();
    },
  });
  return { agent, signals, decide: resolve };
}

const WAYS = [
  { over: 'uds', dialect: 'zentinel' },
  { over: 'uds', dialect: 'documented' },
  { over: 'tcp', dialect: 'documented' },
] as const;

describe.each(WAYS)('a third-party proxy over $over in the $dialect dialect', (way) => {
  test('gets the answers to what it sent before its FIN, then the end', async () => {
    const { agent, signals, decide } = pendingAgent();
    const { socket, clock, types, send } = await connectRawProxy(agent, way);
    send(1);
    send(2);
    socket.end();
    while (signals.length < 2) await iteration();
    clock.advance(5_000);
    for (let i = 0; i < 20; i += 1) await iteration();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    decide();
    await gone;
    expect(types.filter((type) => type === 0x20)).toHaveLength(2);
  });

  test('has its requests cancelled once it is gone altogether', async () => {
    const { agent, signals } = pendingAgent();
    const { socket, clock, server, send } = await connectRawProxy(agent, way);
    send(1);
    while (signals.length < 1) await iteration();
    socket.destroy();
    // over a Unix socket the first probe tells; over TCP the answer to a ping is a reset, which the next probe finds
    while (!signals[0]?.aborted) {
      clock.advance(way.over === 'uds' ? 0 : 1_000);
      await iteration();
    }
    expect(server.stats).toMatchObject({ connections: 0, running: 1 });
    expect(clock.now()).toBeLessThan(20_000);
  });

  test('has its requests cancelled when it is gone some time after its FIN', async () => {
    const { agent, signals } = pendingAgent();
    const { socket, clock, send } = await connectRawProxy(agent, way);
    send(1);
    socket.end();
    while (signals.length < 1) await iteration();
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1_000);
      for (let i = 0; i < 20; i += 1) await iteration();
    }
    expect(signals[0]?.aborted).toBe(false);
    socket.destroy();
    while (!signals[0]?.aborted) {
      clock.advance(500);
      for (let i = 0; i < 20; i += 1) await iteration();
    }
    expect(clock.now()).toBeLessThan(10_000);
  });

  test('is given up after drainTimeoutMs', async () => {
    const { agent, signals } = pendingAgent();
    const { socket, clock, server, send } = await connectRawProxy(agent, way);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    send(1);
    while (signals.length < 1) await iteration();
    socket.end();
    while (!signals[0]?.aborted) {
      clock.advance(1_000);
      await iteration();
      await iteration();
    }
    expect(clock.now()).toBeGreaterThanOrEqual(20_000);
    await gone;
    expect(server.stats.connections).toBe(0);
  });
});
