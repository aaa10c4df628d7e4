import { AgentwireError, ALLOW, type Connection, type Hello, type Received } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { createMemoryTransport, MEMORY_DEFAULTS } from '../src/index.ts';

const PROXY: Hello = { role: 'proxy', name: 'p', version: '1', features: ['lifecycle'], encodings: ['json'] };
const AGENT: Hello = { ...PROXY, role: 'agent', name: 'a' };

async function pair(options: Parameters<typeof createMemoryTransport>[0] = {}): Promise<{
  proxy: Connection;
  agent: Connection;
  proxyReceived: Received[];
}> {
  const transport = createMemoryTransport(options);
  const proxyReceived: Received[] = [];
  const accepted = Promise.withResolvers<Connection>();
  const listener = await transport.listen('memory:pair', {
    self: AGENT,
    onConnection(connection) {
      accepted.resolve(connection);
      return { onMessage: () => undefined, onClose: () => undefined };
    },
  });
  const proxy = await transport.connect(listener.address, {
    self: PROXY,
    onConnection: () => ({ onMessage: (message) => proxyReceived.push(message), onClose: () => undefined }),
  });
  return { proxy, agent: await accepted.promise, proxyReceived };
}

describe('createMemoryTransport', () => {
  test('names an unknown option and a wrong value', () => {
    expect(() => createMemoryTransport({ id: 'text' } as never)).toThrow('has no option "id"');
    expect(() => createMemoryTransport({ ids: 'uuid' } as never)).toThrow('ids must be one of number, text');
    expect(() => createMemoryTransport({ maxMessageBytes: 1 })).toThrow('maxMessageBytes must be an integer from 1024');
    expect(MEMORY_DEFAULTS.maxMessageBytes).toBe(16 * 1024 * 1024);
  });

  test('serves its own scheme only', async () => {
    const transport = createMemoryTransport();
    const failure = transport.listen('unix:/tmp/x', { self: AGENT, onConnection: () => expect.unreachable() });
    await expect(failure).rejects.toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
  });

  test('refuses a name that is taken, and frees it on close', async () => {
    const transport = createMemoryTransport();
    const options = { self: AGENT, onConnection: () => expect.unreachable() };
    const listener = await transport.listen('memory:one', options);
    await expect(transport.listen('memory:one', options)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    await listener.close();
    await expect(transport.listen('memory:one', options)).resolves.toMatchObject({ address: 'memory:one' });
  });

  test('shares a deeply frozen decision and copies any other', async () => {
    const { agent, proxyReceived } = await pair();
    const shallow = Object.freeze({ verdict: { type: 'block' as const, status: 403 } });
    agent.send({ type: 'answer', id: 1, decision: ALLOW });
    agent.send({ type: 'answer', id: 2, decision: shallow });
    await new Promise((resolve) => setImmediate(resolve));
    const [shared, copied] = proxyReceived.map((message) => (message.type === 'answer' ? message.decision : undefined));
    expect(shared).toBe(ALLOW);
    expect(copied).toEqual(shallow);
    expect(copied).not.toBe(shallow);
  });

  test('delivers an impossible answer as malformed', async () => {
    const { agent, proxyReceived } = await pair();
    const decision = { verdict: { type: 'redirect' as const, url: 'javascript:1', status: 302 } };
    agent.send({ type: 'answer', id: 3, decision });
    await new Promise((resolve) => setImmediate(resolve));
    expect(proxyReceived).toMatchObject([{ type: 'malformed', of: 'answer', id: 3, error: { code: 'ERR_PROTOCOL' } }]);
  });

  test('refuses a message that holds itself', async () => {
    const { proxy } = await pair();
    const reason: Record<string, unknown> = {};
    reason['self'] = reason;
    expect(() => proxy.send({ type: 'cancelAll', reason: reason as never })).toThrow('holds itself');
    expect(proxy.bufferedBytes).toBe(0);
  });

  test('ends a close that the peer does not read, by its clock', async () => {
    const clock = createManualClock();
    const { proxy, agent } = await pair({ clock, closeTimeoutMs: 50 });
    agent.pause();
    proxy.send({ type: 'drain' });
    const closed = proxy.close();
    clock.advance(49);
    expect(proxy.status).toBe('closing');
    clock.advance(1);
    await closed;
    expect(proxy.status).toBe('closed');
    expect(clock.pendingTimers).toBe(0);
  });

  test('runs timers while two sides answer each other without end', async () => {
    const transport = createMemoryTransport();
    const listener = await transport.listen('memory:pong', {
      self: AGENT,
      onConnection: (connection) => ({
        onMessage: (message) => void (message.type === 'ping' && connection.send({ ...message, type: 'pong' })),
        onClose: () => undefined,
      }),
    });
    let rounds = 0;
    const proxy = await transport.connect(listener.address, {
      self: PROXY,
      onConnection: (connection) => ({
        onMessage(message) {
          if (message.type !== 'pong') return;
          rounds += 1;
          connection.send({ ...message, type: 'ping' });
        },
        onClose: () => undefined,
      }),
    });
    proxy.send({ type: 'ping', sequence: 1, timestampMs: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(rounds).toBeGreaterThan(100);
    proxy.abort(new AgentwireError('ERR_ABORTED', 'enough'));
  });
});
