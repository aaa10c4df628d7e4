import { afterEach, describe, expect, test } from 'vitest';
import type { Connection, Listener, ListenOptions, Received } from '@agentwire/core';
import { createGrpcTransport, type GrpcTransportOptions } from '../src/index.ts';
import { AGENT, AGENT_MESSAGES, allowAll, PROXY, PROXY_MESSAGES, Recorder, requestHeaders } from './support/peers.ts';

const opened: (Listener | Connection)[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) {
    if ('abort' in one) one.abort();
    else await one.close();
  }
});

async function pair(listen: Partial<ListenOptions> = {}, options: GrpcTransportOptions = {}) {
  const transport = createGrpcTransport(options);
  const agent = new Recorder();
  const proxy = new Recorder();
  const listener = await transport.listen('grpc://127.0.0.1:0', { self: AGENT, onConnection: agent.attach, ...listen });
  opened.push(listener);
  const connection = await transport.connect(listener.address, { self: PROXY, onConnection: proxy.attach });
  opened.push(connection);
  return { transport, agent, proxy, listener, connection };
}

describe('a gRPC connection', () => {
  test('says who the other side is, at both ends', async () => {
    const { agent, connection, listener } = await pair();
    expect(connection.peer).toMatchObject({
      role: 'agent',
      name: 'waf',
      version: '2.0.0',
      dialect: 'documented',
      encoding: 'protobuf',
      ids: 'text',
      maxMessageBytes: 10_485_760,
      capabilities: AGENT.capabilities,
      quirks: [],
    });
    expect(agent.connection?.peer).toMatchObject({ role: 'proxy', name: 'proxy', dialect: 'documented' });
    expect(listener.connectionCount).toBe(1);
  });

  test('carries every message of the proxy as it was', async () => {
    const { agent, connection } = await pair();
    for (const message of PROXY_MESSAGES) connection.send(message);
    await agent.received(PROXY_MESSAGES.length);
    expect(agent.messages.map(plain)).toEqual(PROXY_MESSAGES.map(plain));
  });

  test('carries every message of the agent as it was', async () => {
    const { agent, proxy } = await pair();
    for (const message of AGENT_MESSAGES) agent.connection?.send(message);
    await proxy.received(AGENT_MESSAGES.length);
    expect(proxy.messages.map(plain)).toEqual(AGENT_MESSAGES.map(plain));
  });

  test('answers, and ends once on both sides when it is closed', async () => {
    const { agent, proxy, connection } = await pair();
    agent.onReceived = allowAll;
    connection.send(requestHeaders('x-1'));
    await proxy.received(1);
    expect(proxy.messages[0]).toEqual({ type: 'answer', id: 'x-1', decision: { verdict: { type: 'allow' } } });
    await connection.close();
    await agent.ended();
    expect(agent.ends).toEqual([{ by: 'remote' }]);
    expect(proxy.ends).toEqual([{ by: 'local' }]);
  });

  test('goes on with requests in flight after a drain of the agent', async () => {
    const { agent, proxy, connection } = await pair();
    connection.send(requestHeaders('x-1'));
    await agent.received(1);
    agent.connection?.send({ type: 'drain', reason: 'deploy', durationMs: 500 });
    await proxy.received(1);
    expect(proxy.messages[0]).toEqual({ type: 'drain', reason: 'deploy', durationMs: 500 });
    agent.onReceived = allowAll;
    allowAll(agent.messages[0] as Received, agent.connection as Connection);
    connection.send(requestHeaders('x-2'));
    await proxy.received(3);
    expect(proxy.messages.slice(1).map((message) => (message as { id?: unknown }).id)).toEqual(['x-1', 'x-2']);
    expect(agent.messages).toHaveLength(2);
  });
});

const plain = (message: unknown): unknown =>
  JSON.parse(JSON.stringify(message, (_key, value: unknown) => (value instanceof Uint8Array ? [...value] : value)));
