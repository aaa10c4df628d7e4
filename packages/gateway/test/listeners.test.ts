import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type EventEmitter, once } from 'node:events';
import { request as httpRequest, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { ALLOW, type Decision } from '@agentwire/core';
import { expect, onTestFinished, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';
import { open, socketUpstream } from './web-socket-setup.ts';

const CHUNK = Buffer.alloc(128 * 1024, 'x');
const CHUNKS = 24;
/** Listeners for `drain` that a socket or response may have: one that stays with it, and one of who waits. */
const MOST = 2;

const readsAll: Agents = {
  agent: (event): Decision => ({ ...ALLOW, needsMore: !('last' in event) || !event.last }),
};
const judgesFrames: Agents = { agent: () => ALLOW };

/**
 * Watches each socket that this process opens or accepts, and each response of an HTTP server.
 *
 * @returns the most listeners for `drain` that one had at a time, and how many were added in all
 */
function watchDrains(): { readonly most: number; readonly added: number } {
  const seen = { most: 0, added: 0 };
  const watch = (emitter: EventEmitter): void => {
    emitter.on('newListener', (event) => {
      if (event !== 'drain') return;
      seen.added += 1;
      // this one comes besides
      seen.most = Math.max(seen.most, emitter.listenerCount(event) + 1);
    });
  };
  const onSocket = (message: unknown): void => watch((message as { socket: Socket }).socket);
  const onRequest = (message: unknown): void => watch((message as { response: ServerResponse }).response);
  const channels = [
    ['net.client.socket', onSocket],
    ['net.server.socket', onSocket],
    ['http.server.request.start', onRequest],
  ] as const;
  for (const [name, listener] of channels) subscribe(name, listener);
  onTestFinished(() => {
    for (const [name, listener] of channels) unsubscribe(name, listener);
  });
  return seen;
}

/** Reads `bytes` of a socket, with a turn of the event loop after each piece. */
async function readSlowly(socket: Socket, bytes: number): Promise<void> {
  let got = 0;
  const done = Promise.withResolvers<void>();
  socket.removeAllListeners('data').on('data', (part: Buffer) => {
    got += part.length;
    if (got >= bytes) done.resolve();
    socket.pause();
    setImmediate(() => socket.resume());
  });
  await done.promise;
}

test.each([
  ['no agent', {}],
  ['an agent that reads the body', readsAll],
])('a slow client of a long response: %s', async (_name, agents) => {
  const { url } = await setup(agents, {}, (_request, response) => {
    void (async () => {
      for (let at = 0; at < CHUNKS; at += 1) if (!response.write(CHUNK)) await once(response, 'drain');
      response.end();
    })();
  });
  const drains = watchDrains();
  const client = await rawClient(url);
  client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await readSlowly(client.socket, CHUNKS * CHUNK.length);
  expect(drains.added).toBeGreaterThan(0);
  expect(drains.most).toBeLessThanOrEqual(MOST);
});

test.each([
  ['no agent', {}],
  ['an agent that reads the body', readsAll],
])('uploads one after the other to an upstream that reads slowly: %s', async (_name, agents) => {
  const { url } = await setup(agents, { upstreamConnections: 1 }, (request, response) => {
    void (async () => {
      let bytes = 0;
      for await (const part of request) {
        bytes += (part as Buffer).length;
        await turn();
      }
      response.end(String(bytes));
    })();
  });
  const drains = watchDrains();
  for (let uploads = 0; uploads < 12; uploads += 1) {
    const upload = httpRequest(url, { method: 'POST' });
    const answer = once(upload, 'response');
    for (let at = 0; at < 4; at += 1) if (!upload.write(CHUNK)) await once(upload, 'drain');
    upload.end();
    const [response] = (await answer) as [AsyncIterable<Buffer>];
    let text = '';
    for await (const part of response) text += part.toString();
    expect(text).toBe(String(4 * CHUNK.length));
  }
  expect(drains.added).toBeGreaterThanOrEqual(12);
  expect(drains.most).toBeLessThanOrEqual(MOST);
});

test.each([
  ['passed', {}],
  ['judged', judgesFrames],
])('slow WebSockets, both ways: %s', async (_how, agents) => {
  const upstream = await socketUpstream();
  const { url } = await setup(agents, { upstream: upstream.url });
  const drains = watchDrains();
  const client = await open(url);
  const [far] = upstream.sockets;
  const slow = [client.socket, far].map(async (socket) => {
    for (let pauses = 0; pauses < 40; pauses += 1) {
      socket?.pause();
      await turn();
      socket?.resume();
      await turn();
    }
  });
  // each is sent back
  for (let at = 0; at < CHUNKS; at += 1) client.send(CHUNK);
  for (let at = 0; at < CHUNKS; at += 1) await client.next();
  await Promise.all(slow);
  expect(drains.added).toBeGreaterThan(0);
  expect(drains.most).toBeLessThanOrEqual(MOST);
});
