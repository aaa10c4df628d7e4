import type { Connection, Hello, Received, Transport } from '../../src/index.ts';
import { AgentwireError } from '../../src/index.ts';
import {
  createLinkedPair,
  createManualClock,
  type Fault,
  type FaultPlace,
  withFaults,
} from '../../src/testing/index.ts';
import { describe, expect, it } from 'vitest';

const clock = createManualClock();
const SELF: Hello = { role: 'agent', name: 'a', version: '1', features: [], encodings: ['json'] };

/** A transport of one linked pair: enough to see what a wrapper does. */
function linkedTransport(): Transport {
  let agentSide: Parameters<Transport['listen']>[1]['onConnection'] | undefined;
  return {
    name: 'linked',
    schemes: ['linked'],
    dials: ['proxy'],
    async connect(_address, { onConnection }) {
      return createLinkedPair({ onProxy: onConnection, ...(agentSide && { onAgent: agentSide }) }).proxy;
    },
    async listen(address, { onConnection }) {
      agentSide = onConnection;
      const close = (): Promise<void> => Promise.resolve();
      return { address, connectionCount: 0, close, [Symbol.asyncDispose]: close };
    },
  };
}

async function sendThrough(
  plan: (message: Received, place: FaultPlace) => Fault | undefined,
): Promise<{ connection: Connection; received: Received[]; ends: number[] }> {
  const transport = withFaults(linkedTransport(), {
    clock,
    message: (message, place) => (place.end === 'accepted' ? plan(message, place) : undefined),
  });
  const received: Received[] = [];
  const ends: number[] = [];
  await transport.listen('linked:x', {
    self: SELF,
    onConnection: () => ({ onMessage: (message) => received.push(message), onClose: () => ends.push(received.length) }),
  });
  const self: Hello = { ...SELF, role: 'proxy' };
  const onConnection = (): { onMessage(): void; onClose(): void } => ({
    onMessage: () => undefined,
    onClose: () => undefined,
  });
  const connection = await transport.connect('linked:x', { self, onConnection });
  for (const id of [1, 2, 1, 2]) connection.send({ type: 'cancel', id });
  await new Promise((resolve) => setImmediate(resolve));
  return { connection, received, ends };
}

const ids = (received: readonly Received[]): unknown[] =>
  received.map((message) => ('id' in message ? message.id : undefined));

describe('withFaults', () => {
  it('leaves alone what the plan does not name', async () => {
    expect(ids((await sendThrough(() => undefined)).received)).toEqual([1, 2, 1, 2]);
  });

  it('drops and duplicates', async () => {
    const dropped = await sendThrough((_message, { index }) => (index === 0 ? { do: 'drop' } : undefined));
    expect(ids(dropped.received)).toEqual([2, 1, 2]);
    const twice = await sendThrough((_message, { index }) => (index === 3 ? { do: 'duplicate' } : undefined));
    expect(ids(twice.received)).toEqual([1, 2, 1, 2, 2]);
  });

  it('delays a request as a whole, and lets others overtake', async () => {
    const { received } = await sendThrough((_message, { index }) => (index === 0 ? { do: 'delay', ms: 5 } : undefined));
    expect(ids(received)).toEqual([2, 2]);
    clock.advance(4);
    expect(received.length).toBe(2);
    clock.advance(1);
    expect(ids(received)).toEqual([2, 2, 1, 1]);
  });

  it('makes messages undecodable, with or without their id', async () => {
    const { received } = await sendThrough((_message, { index }) => ({ do: 'malform', loseId: index === 1 }));
    expect(ids(received)).toEqual([1, undefined, 1, 2]);
    expect(received[0]).toMatchObject({ type: 'malformed', of: 'cancel', error: { code: 'ERR_PROTOCOL' } });
  });

  it('cuts the connection, and loses what is delayed', async () => {
    const { received, ends, connection } = await sendThrough((_message, { index }) =>
      index === 0 ? { do: 'delay', ms: 5 } : index === 3 ? { do: 'cut' } : undefined,
    );
    expect([ids(received), ends, connection.status]).toEqual([[2], [1], 'closed']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('refuses attempts to connect', async () => {
    const transport = withFaults(linkedTransport(), {
      clock,
      connect: (address, attempt) => (attempt === 0 ? new AgentwireError('ERR_CONNECT', `no ${address}`) : undefined),
    });
    const options = { self: SELF, onConnection: () => ({ onMessage: () => undefined, onClose: () => undefined }) };
    await expect(transport.connect('linked:x', options)).rejects.toThrow('no linked:x');
    await expect(transport.connect('linked:x', options)).resolves.toMatchObject({ status: 'open' });
  });
});
