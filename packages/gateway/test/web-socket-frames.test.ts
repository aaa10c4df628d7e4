import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test, vi } from 'vitest';
import { rawClient } from './raw-client.ts';
import { setup } from './setup.ts';
import { turns } from './support/ending-server.ts';
import { rawUpstream } from './support/raw-upstream.ts';
import { open, socketUpstream } from './web-socket-setup.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = `GET / HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n\r\n`;

function words(event: ProxyEvent): Decision {
  if (event.type !== 'webSocketFrame') return ALLOW;
  const text = Buffer.from(event.data).toString();
  if (text === 'bad') return { ...ALLOW, webSocket: { type: 'close', code: 1008, reason: 'bad word' } };
  return text.endsWith('drop') ? { ...ALLOW, webSocket: { type: 'drop' } } : ALLOW;
}

test('an agent allows, drops and closes, in both directions', async () => {
  const upstream = await socketUpstream({ perMessageDeflate: true });
  const { url, summaries, ended } = await setup({ words }, { upstream: upstream.url });
  const client = await open(url, { perMessageDeflate: true });
  expect(client.socket.extensions).toBe('');
  client.send('drop');
  client.send('one');
  expect(await client.next()).toBe('echo one');
  upstream.sockets[0]?.send('server drop');
  upstream.sockets[0]?.send('two');
  expect(await client.next()).toBe('two');
  client.send('bad');
  expect(await client.closed).toBe('1008 bad word');
  await upstream.until(() => upstream.closes.length === 1);
  expect(upstream.closes).toEqual(['1008 bad word']);
  expect(upstream.messages).toEqual(['one']);
  await ended(1);
  expect(summaries[0]).toMatchObject({ outcome: 'blocked', agent: 'words', status: 101 });
});

test('where an agent fails, the WebSocket is closed with 1011', async () => {
  const upstream = await socketUpstream();
  const failing = (event: ProxyEvent): Decision => {
    if (event.type === 'webSocketFrame') throw new Error('broken');
    return ALLOW;
  };
  const { url } = await setup({ failing }, { upstream: upstream.url });
  const client = await open(url);
  client.send('x');
  expect(await client.closed).toBe('1011 no decision');
  expect(upstream.messages).toEqual([]);
});

test.each([
  ['an unmasked frame', [0x81, 2, 0x68, 0x69], 1002],
  ['a reserved bit', [0xc1, 0x80, 0, 0, 0, 0], 1002],
  ['a reserved opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
  ['a ping of 126 bytes', [0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002],
  ['a fragmented ping', [0x09, 0x80, 0, 0, 0, 0], 1002],
  ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0], 1002],
  ['a text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
  ['a message that is too long', [0x82, 0xfe, 0x10, 0, 0, 0, 0, 0], 1009],
])('%s closes', async (_name, bytes, code) => {
  const upstream = await socketUpstream();
  const { url } = await setup({ words }, { upstream: upstream.url, maxWebSocketMessageBytes: 1_000 });
  const client = await rawClient(url);
  client.send(HANDSHAKE);
  await client.until(/\r\n\r\n/);
  client.send(Buffer.from(bytes).toString('latin1'));
  const text = await client.closed();
  const frame = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1');
  expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, code]);
  expect(upstream.messages).toEqual([]);
});

test('an agent that observes is shown every message and not waited for, and what it would have decided is counted', async () => {
  const upstream = await socketUpstream();
  const shown: string[] = [];
  const observer = async (event: ProxyEvent): Promise<Decision> => {
    if (event.type !== 'webSocketFrame') return ALLOW;
    shown.push(`${event.clientToServer ? 'client' : 'server'} ${Buffer.from(event.data).toString()}`);
    await Promise.resolve();
    return words(event);
  };
  const { url, pool } = await setup(
    { observer },
    { upstream: upstream.url, agentSettings: { observer: { mode: 'observe' } } },
  );
  const counted: unknown[] = [];
  pool.recordShadow = (agent, verdicts) => counted.push([agent, verdicts]);
  const client = await open(url);
  for (const word of ['one', 'drop', 'two']) {
    client.send(word);
    expect(await client.next()).toBe(`echo ${word}`);
  }
  client.socket.close(1000);
  await client.closed;
  await vi.waitFor(() => expect(counted).toEqual([['observer', { decided: 'allow', observed: 'drop' }]]));
  expect(shown.toSorted()).toEqual([
    'client drop',
    'client one',
    'client two',
    'server echo drop',
    'server echo one',
    'server echo two',
  ]);
});

test('a budget is the time for one message: past it the failure policy decides', async () => {
  const upstream = await socketUpstream();
  const slow = (event: ProxyEvent): Decision | Promise<Decision> => {
    const hangs = event.type === 'webSocketFrame' && Buffer.from(event.data).toString() === 'hang';
    return hangs ? new Promise<Decision>(() => undefined) : ALLOW;
  };
  const { url } = await setup({ slow }, { upstream: upstream.url, agentSettings: { slow: { budgetMs: 1_000 } } });
  const client = await open(url);
  client.send('one');
  expect(await client.next()).toBe('echo one');
  client.send('hang');
  expect(await client.closed).toBe('1011 no decision');
  expect(upstream.messages).toEqual(['one']);
});

/** Answer to the handshake of {@link KEY}. */
const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

test('what an upstream sent before it reset its connection passes, also where its agent decides later', async () => {
  const decided = Promise.withResolvers<void>();
  const [asked, lost] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const late = async (event: ProxyEvent): Promise<Decision> => {
    if (event.type === 'webSocketFrame' && !event.clientToServer) await (asked.resolve(), decided.promise);
    return ALLOW;
  };
  const { origin } = await rawUpstream(({ socket }) => {
    socket.write(`${ACCEPTED}\x81\x02hi`, 'latin1');
    void asked.promise.then(() => socket.resetAndDestroy());
    socket.once('close', () => lost.resolve());
  });
  const { url } = await setup({ late }, { upstream: origin });
  const client = await rawClient(url);
  client.send(HANDSHAKE);
  await lost.promise;
  // the write of it fails, so that the gateway knows of the reset
  client.socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]));
  await turns(50);
  decided.resolve();
  expect((await client.closed()).endsWith('\r\n\r\n\x81\x02hi')).toBe(true);
});

test('a client that sends a bad frame to an upstream that does not close is closed after a second', async () => {
  const clock = createManualClock();
  const { origin } = await rawUpstream(({ socket }) => socket.write(ACCEPTED));
  const { url } = await setup({ agent: () => ALLOW }, { upstream: origin, clock });
  const client = await rawClient(url);
  client.send(HANDSHAKE);
  await client.until(/\r\n\r\n/);
  client.socket.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0]));
  const gone = client.closed();
  const advancing = setInterval(() => clock.advance(250), 5);
  expect((await client.until(/\r\n\r\n\x88/)).slice(-2)).not.toBe('');
  clearInterval(advancing);
  expect(clock.now()).toBeLessThan(4_000 + createManualClock().now());
  client.socket.destroy();
  await gone;
});
