import { AgentwireError, type Received } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import {
  createFramedTransport,
  type FramedOptions,
  type LinkReceiver,
  type MessageLink,
} from '@agentwire/transport-framed';
import { describe, expect, test } from 'vitest';
import { createInProcessTransport, PairLink } from './in-process.ts';

const proxy = { role: 'proxy', name: 'p', version: '1', features: [], encodings: ['json'] } as const;
const agent = { role: 'agent', name: 'a', version: '1', features: [], encodings: ['json'] } as const;
const REPLY = '{"protocol_version":2,"agent_name":"a","capabilities":{}}';
const message = (type: number, payload: string): Buffer => Buffer.concat([Buffer.of(type), Buffer.from(payload)]);
const ping = (sequence: number): Buffer => message(0xf0, `{"sequence":${sequence},"timestamp_ms":1}`);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A link that a test drives: it notes calls, and delivers although it is paused. */
class DrivenLink implements MessageLink {
  readonly calls: string[] = [];
  receiver: LinkReceiver | undefined;
  send(_: Uint8Array, done: () => void): void {
    this.calls.push('send');
    done();
  }
  start(receiver: LinkReceiver): void {
    this.receiver = receiver;
    this.calls.push('start');
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  close(): void {
    this.calls.push('close');
  }
  abort(): void {
    this.calls.push('abort');
  }
  deliver(...messages: Buffer[]): void {
    for (const bytes of messages) this.receiver?.onMessage(bytes, 0, bytes.length);
  }
}

async function open(link: DrivenLink) {
  const messages: Received[] = [];
  const ends: unknown[] = [];
  const clock = createManualClock();
  const transport = createFramedTransport(
    {
      name: 'driven',
      schemes: ['driven'],
      dial: () => link,
      bind: () => {
        throw new AgentwireError('ERR_UNSUPPORTED', 'it only dials');
      },
    },
    { clock },
  );
  const connecting = transport.connect('driven:x', {
    self: proxy,
    onConnection: () => ({
      onMessage: (one) => void messages.push(one),
      onClose: (reason) => void ends.push(reason.by, reason.error?.code),
    }),
  });
  // the first dial loads its modules before it sends the handshake
  while (!link.calls.includes('send')) await turn();
  link.deliver(message(0x02, REPLY));
  const connection = await connecting;
  const sequences = (): unknown[] => messages.map((one) => (one.type === 'ping' ? one.sequence : one.type));
  return { connection, sequences, ends, clock };
}

describe('a link that delivers although it is paused', () => {
  test('has its messages queued, and delivered in order before later ones', async () => {
    const link = new DrivenLink();
    const { connection, sequences } = await open(link);
    connection.pause();
    link.deliver(ping(1), ping(2));
    expect(sequences()).toEqual([]);
    connection.resume();
    await turn();
    link.deliver(ping(3));
    expect(sequences()).toEqual([1, 2, 3]);
    expect(link.calls).toEqual(['start', 'send', 'pause', 'resume']);
  });

  test('has its end reported behind them', async () => {
    const link = new DrivenLink();
    const { connection, sequences, ends } = await open(link);
    connection.pause();
    link.deliver(ping(1));
    link.receiver?.onEnd();
    expect(connection.status).toBe('open');
    connection.resume();
    await turn();
    expect(sequences()).toEqual([1]);
    expect(connection.status).toBe('closing');
    link.receiver?.onClose();
    expect(ends).toEqual(['remote', undefined]);
  });

  test('delivers nothing after abort', async () => {
    const link = new DrivenLink();
    const { connection, sequences, ends } = await open(link);
    connection.abort();
    link.deliver(ping(1));
    link.receiver?.onFault(new AgentwireError('ERR_PROTOCOL', 'late'));
    link.receiver?.onClose(new Error('late'));
    expect([sequences(), ends]).toEqual([[], ['local', undefined]]);
  });
});

describe('what a peer must not send', () => {
  test.each([
    ['an empty message', Buffer.alloc(0)],
    ['a message over 16 MiB', Buffer.alloc(16 * 1024 * 1024 + 1, 0xf0)],
  ])('%s ends the connection', async (_, bytes) => {
    const link = new DrivenLink();
    const { ends } = await open(link);
    link.deliver(bytes);
    expect(ends).toEqual(['local', 'ERR_PROTOCOL']);
    expect(link.calls.at(-1)).toBe('abort');
  });
});

test('a link that never reports its end is given up after the deadline of close', async () => {
  const link = new DrivenLink();
  const { connection, ends, clock } = await open(link);
  const closed = connection.close();
  expect(link.calls.at(-1)).toBe('close');
  clock.advance(5_000);
  await closed;
  expect(link.calls.at(-1)).toBe('abort');
  expect(ends[0]).toBe('local');
  expect(clock.pendingTimers).toBe(0);
});

test('a link that opens after the attempt has failed is dropped', async () => {
  const opening = Promise.withResolvers<MessageLink>();
  const link = new DrivenLink();
  let aborted: unknown;
  const clock = createManualClock();
  const transport = createFramedTransport(
    {
      name: 'slow',
      schemes: ['slow'],
      dial(_, signal) {
        signal.addEventListener('abort', () => (aborted = signal.reason));
        return opening.promise;
      },
      bind: () => ({ address: 'slow:x', close: () => undefined }),
    },
    { clock },
  );
  const failed = transport
    .connect('slow:x', { self: proxy, handshakeTimeoutMs: 100, onConnection: () => expect.unreachable() })
    .catch((error: unknown) => error);
  clock.advance(100);
  expect(await failed).toMatchObject({ code: 'ERR_TIMEOUT', message: expect.stringContaining('could not be reached') });
  expect(aborted).toMatchObject({ code: 'ERR_TIMEOUT' });
  opening.resolve(link);
  await turn();
  expect(link.calls).toEqual(['abort']);
});

test('a failed dial of any kind is ERR_CONNECT, and a failed bind is not retryable', async () => {
  const transport = createFramedTransport({
    name: 'broken',
    schemes: ['broken'],
    dial: () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })),
    bind: () => Promise.reject(Object.assign(new Error('no'), { code: 'EADDRINUSE' })),
  });
  const onConnection = (): never => expect.unreachable();
  await expect(transport.connect('broken:x', { self: proxy, onConnection })).rejects.toMatchObject({
    code: 'ERR_CONNECT',
    message: 'cannot connect to broken:x: ECONNREFUSED, nothing listens there; is the other side running?',
  });
  await expect(transport.listen('broken:x', { self: agent, onConnection })).rejects.toMatchObject({
    code: 'ERR_CONNECT',
    retryable: false,
  });
  await expect(transport.listen('other:x', { self: agent, onConnection })).rejects.toMatchObject({
    code: 'ERR_INVALID_ADDRESS',
    message: 'the broken transport serves broken:, not "other:x"',
  });
});

test('a peer that was begun before its link exists counts as pending, and is dropped with its signal', async () => {
  const clock = createManualClock();
  const warned: unknown[] = [];
  const drops: unknown[] = [];
  const link = new DrivenLink();
  const transport = createFramedTransport(
    {
      name: 'staged',
      schemes: ['staged'],
      dial: () => link,
      bind(_, acceptor) {
        acceptor.begin((error) => void drops.push(error));
        const second = acceptor.begin(() => expect.unreachable('accept takes it over'));
        acceptor.accept(link, { address: 'second' }, second);
        return { address: 'staged:x', close: () => undefined };
      },
    },
    { clock, logger: { ...silentLogger, warn: (fields) => void warned.push(fields) } },
  );
  await transport.listen('staged:x', {
    self: agent,
    maxPendingHandshakes: 2,
    onConnection: () => expect.unreachable(),
  });
  clock.advance(10_000);
  expect(drops).toMatchObject([{ code: 'ERR_TIMEOUT' }]);
  expect(warned).toEqual([{ code: 'ERR_TIMEOUT', peer: 'second' }]);
  expect(link.calls).toEqual(['start', 'abort']);
});

test.each([
  ['an unknown option', { dialekt: 'auto' }],
  ['a dialect that there is not', { dialect: 'rust' }],
  ['a timeout of 0', { closeTimeoutMs: 0 }],
])('%s throws at once', (_, options) => {
  const medium = {
    name: 'x',
    schemes: ['x'],
    dial: () => PairLink.pair()[0],
    bind: () => ({ address: '', close() {} }),
  };
  expect(() => createFramedTransport(medium, options as FramedOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
  );
});

test('a listener that was closed accepts no further peer', async () => {
  const transport = createInProcessTransport(undefined, PairLink.pair);
  const onConnection = (): never => expect.unreachable();
  const listener = await transport.listen('pair:closed', { self: agent, onConnection });
  await listener.close();
  await listener.close();
  await expect(transport.connect('pair:closed', { self: proxy, onConnection })).rejects.toMatchObject({
    code: 'ERR_CONNECT',
  });
});
