import { Code, createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport as createPlainTransport } from '@connectrpc/connect-node';
import { createManualClock } from '@agentwire/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import {
  AgentwireError,
  systemClock,
  type Clock,
  type Listener,
  type ListenOptions,
  type Received,
} from '@agentwire/core';
import { AgentServiceV2 } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { createGrpcTransport } from '../src/index.ts';
import { AGENT, allowAll, Recorder } from './support/peers.ts';

const listeners: Listener[] = [];
const ends: AbortController[] = [];
afterEach(async () => {
  for (const one of ends.splice(0)) one.abort();
  for (const one of listeners.splice(0)) await one.close();
});

async function thirdParty(options: Partial<ListenOptions> = {}, clock: Clock = systemClock) {
  const agent = new Recorder();
  agent.onReceived = allowAll;
  const listener = await createGrpcTransport({ clock }).listen('grpc://127.0.0.1:0', {
    self: AGENT,
    onConnection: agent.attach,
    ...options,
  });
  listeners.push(listener);
  const transport = createPlainTransport({ baseUrl: listener.address.replace('grpc:', 'http:') });
  const client: Client<typeof AgentServiceV2> = createClient(AgentServiceV2, transport);
  return { agent, client, listener };
}

const event = {
  message: { case: 'requestHeaders' as const, value: { metadata: { correlationId: 'c-1' }, method: 'GET', uri: '/' } },
};

/** Messages to send as the test says, and an end. */
function feed<T>() {
  const queue: T[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  async function* messages(): AsyncGenerator<T> {
    for (;;) {
      while (queue.length > 0) yield queue.shift() as T;
      if (over) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    messages: messages(),
    push: (one: T) => (queue.push(one), wake()),
    end: () => ((over = true), wake()),
  };
}

describe('calls of gRPC clients that are not agentwire', () => {
  test('answers ProcessEvent through the same handler, as a connection of its own', async () => {
    const { agent, client, listener } = await thirdParty();
    const reply = await client.processEvent(event);
    expect(reply.message).toMatchObject({
      case: 'response',
      value: { correlationId: 'c-1', decision: { case: 'allow' } },
    });
    expect(agent.messages).toMatchObject([{ type: 'requestHeaders', id: 'c-1', uri: '/' }]);
    expect(agent.connection?.peer).toMatchObject({ dialect: 'zentinel', ids: 'text' });
    expect(agent.ends).toEqual([{ by: 'remote' }]);
    expect(listener.connectionCount).toBe(0);
  });

  test('refuses ProcessEvent as authorize says', async () => {
    const { agent, client } = await thirdParty({
      authorize: (_peer, { token }) => {
        if (token !== 'secret') throw new AgentwireError('ERR_UNAUTHORIZED', 'wrong token');
      },
    });
    await expect(client.processEvent(event)).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect(agent.connection).toBeUndefined();
    await client.processEvent(event, { headers: { authorization: 'Bearer secret' } });
    expect(agent.messages).toHaveLength(1);
  });

  test('takes the control stream, and refuses wishes for a configuration', async () => {
    const { client } = await thirdParty();
    const wishes = feed<object>();
    const replies = client.controlStream(wishes.messages as AsyncIterable<never>)[Symbol.asyncIterator]();
    wishes.push({ message: { case: 'health', value: { agentId: 'x', state: 1 } } });
    wishes.push({
      message: { case: 'configUpdate', value: { requestId: 'u-1', updateType: { case: 'requestReload', value: {} } } },
    });
    const first = (await replies.next()).value;
    expect(first?.message).toMatchObject({ case: 'configResponse', value: { requestId: 'u-1', accepted: false } });
    wishes.end();
    expect((await replies.next()).done).toBe(true);
  });

  test('serves ProcessStream of connect-node in the zentinel dialect, and answers it after its half-close', async () => {
    const { agent, client } = await thirdParty();
    agent.onReceived = undefined;
    const asks = feed<object>();
    const replies = client.processStream(asks.messages as AsyncIterable<never>)[Symbol.asyncIterator]();
    asks.push({
      message: { case: 'handshake', value: { supportedVersions: [2, 1], proxyId: 'zentinel-proxy', configJson: '{}' } },
    });
    const hello = (await replies.next()).value?.message;
    expect(hello).toMatchObject({
      case: 'handshake',
      value: { success: true, protocolVersion: 2, capabilities: { name: 'waf' } },
    });
    expect(hello?.value).not.toHaveProperty('agentwireJson', expect.anything());
    const peer = agent.connection?.peer;
    expect(peer).toMatchObject({ dialect: 'zentinel', name: 'zentinel-proxy', maxMessageBytes: 4 * 1024 * 1024 });
    expect(peer?.quirks).toContain('challenge_is_allow');
    expect(peer?.accepts.has('ping')).toBe(false);
    asks.push(event);
    await agent.received(1);
    await new Promise<void>((resolve) => {
      agent.onPeerEnd = resolve;
      asks.end();
    });
    expect(agent.connection?.status).toBe('open');
    allowAll(agent.messages[0] as Received, agent.connection as never);
    void agent.connection?.close();
    expect((await replies.next()).value?.message).toMatchObject({ case: 'response', value: { correlationId: 'c-1' } });
    expect((await replies.next()).done).toBe(true);
    await agent.ended();
    expect(agent.ends).toEqual([{ by: 'remote' }]);
  });

  test('ends a half-closed ProcessStream whose client then gives it up', async () => {
    const { agent, client } = await thirdParty();
    agent.onReceived = undefined;
    const asks = feed<object>();
    const gone = new AbortController();
    const asked = client.processStream(asks.messages as AsyncIterable<never>, { signal: gone.signal });
    const replies = asked[Symbol.asyncIterator]();
    asks.push({
      message: { case: 'handshake', value: { supportedVersions: [2], proxyId: 'third-party', configJson: '{}' } },
    });
    await replies.next();
    asks.push(event);
    await agent.received(1);
    await new Promise<void>((resolve) => {
      agent.onPeerEnd = resolve;
      asks.end();
    });
    gone.abort();
    await expect(replies.next()).rejects.toMatchObject({ code: Code.Canceled });
    expect(await agent.ended()).toMatchObject({ by: 'remote' });
  });

  test('gives the authorization of a call the deadline and the signal of a handshake, also on an admitted session', async () => {
    const clock = createManualClock();
    const signals: AbortSignal[] = [];
    const asked = Promise.withResolvers<void>();
    const { client } = await thirdParty(
      {
        handshakeTimeoutMs: 5000,
        authorize(_peer, _credential, signal) {
          signals.push(signal);
          if (signals.length === 1) return undefined;
          asked.resolve();
          return new Promise(() => undefined);
        },
      },
      clock,
    );
    await client.processEvent(event);
    const call = client.processEvent(event);
    call.catch(() => undefined);
    await asked.promise;
    clock.advance(5000);
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  test('says that there is no other method', async () => {
    const { listener } = await thirdParty();
    const { connect } = await import('node:http2');
    const session = connect(listener.address.replace('grpc:', 'http:'));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/other.Service/Method',
      'content-type': 'application/grpc',
    });
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
    session.destroy();
    expect(headers[':status'] === 404 || headers['grpc-status'] === '12').toBe(true);
  });
});
