import { ALLOW, AgentwireError, type CloseReason, type OnConnection, type Received } from '../../src/index.ts';
import { createLinkedPair } from '../../src/testing/index.ts';
import { describe, expect, it } from 'vitest';

function recorder(): { onConnection: OnConnection; received: Received[]; drains: number; ends: CloseReason[] } {
  const side = {
    received: [] as Received[],
    drains: 0,
    ends: [] as CloseReason[],
    onConnection: (() => ({
      onMessage: (message) => side.received.push(message),
      onDrain: () => (side.drains += 1),
      onClose: (reason) => side.ends.push(reason),
    })) as OnConnection,
  };
  return side;
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('createLinkedPair', () => {
  it('carries messages both ways, later and in order', async () => {
    const [proxy, agent] = [recorder(), recorder()];
    const pair = createLinkedPair({ onProxy: proxy.onConnection, onAgent: agent.onConnection, ids: 'text' });
    pair.proxy.send({ type: 'cancel', id: 'a' });
    pair.proxy.send({ type: 'ping', sequence: 1, timestampMs: 1 });
    pair.agent.send({ type: 'answer', id: 'a', decision: ALLOW });
    expect(agent.received).toEqual([]);
    await turns();
    expect(agent.received.map((message) => message.type)).toEqual(['cancel', 'ping']);
    expect(proxy.received).toEqual([{ type: 'answer', id: 'a', decision: ALLOW }]);
    expect(pair.proxy.sent).toEqual(agent.received);
    expect(pair.proxy.peer).toMatchObject({ role: 'agent', ids: 'text' });
  });

  it('injects what no peer can send, in its place', async () => {
    const proxy = recorder();
    const pair = createLinkedPair({ onProxy: proxy.onConnection });
    pair.agent.send({ type: 'pong', sequence: 1, timestampMs: 1 });
    pair.proxy.inject({ type: 'malformed', of: 'answer', error: new AgentwireError('ERR_PROTOCOL', 'cut short') });
    await turns();
    expect(proxy.received.map((message) => message.type)).toEqual(['pong', 'malformed']);
  });

  it('says stop and drain when told to', () => {
    const proxy = recorder();
    const pair = createLinkedPair({ onProxy: proxy.onConnection });
    pair.proxy.holdBack();
    expect(pair.proxy.send({ type: 'cancelAll' })).toBe(false);
    expect(proxy.drains).toBe(0);
    pair.proxy.makeRoom();
    expect(proxy.drains).toBe(1);
    pair.proxy.makeRoom();
    expect([proxy.drains, pair.proxy.send({ type: 'cancelAll' })]).toEqual([1, true]);
  });

  it('flushes on close and drops on abort', async () => {
    const [proxy, agent] = [recorder(), recorder()];
    const pair = createLinkedPair({ onProxy: proxy.onConnection, onAgent: agent.onConnection });
    pair.proxy.send({ type: 'cancelAll' });
    await pair.proxy.close();
    expect([agent.received.length, proxy.ends, agent.ends]).toEqual([1, [{ by: 'local' }], [{ by: 'remote' }]]);
    const again = createLinkedPair({ onAgent: agent.onConnection, maxMessageBytes: 10 });
    const data = new Uint8Array(11);
    expect(() => again.proxy.send({ type: 'requestBodyChunk', id: 1, index: 0, data, last: true })).toThrow('up to 10');
    again.proxy.send({ type: 'cancelAll' });
    again.proxy.abort();
    await turns();
    expect([agent.received.length, agent.ends.length, agent.ends[1]?.error?.code]).toEqual([1, 2, 'ERR_CLOSED']);
  });

  it('gives one onClose to a side that aborts before it has handed in its handler', () => {
    const agent = recorder();
    createLinkedPair({
      onAgent(connection) {
        connection.abort();
        return agent.onConnection(connection);
      },
    });
    expect(agent.ends).toEqual([{ by: 'local' }]);
  });

  it('ignores a throw of onClose', () => {
    const pair = createLinkedPair({
      onProxy: () => ({
        onMessage: () => undefined,
        onClose() {
          throw new TypeError('a bug');
        },
      }),
    });
    expect(() => pair.proxy.abort()).not.toThrow();
    expect(pair.proxy.status).toBe('closed');
  });
});
