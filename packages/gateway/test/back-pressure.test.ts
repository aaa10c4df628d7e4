import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Decision } from '@agentwire/core';
import { expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const CHUNK = Buffer.alloc(1024 ** 2, 'x');
const CHUNKS = 64;
/** Kernel buffers on two hops and a few chunks in between; far less than what is sent. */
const IN_BETWEEN = 32 * CHUNK.length;
const everything: Agents = {
  agent: (event) => allow({ needsMore: !('last' in event) || !event.last }),
};

/** Waits long enough for every transfer that is not stopped: whole requests pass through the same event loop. */
async function meanwhile(url: string): Promise<void> {
  for (let round = 0; round < 30; round++) await (await fetch(`${url}/other`)).text();
}

test.each([
  ['no agent', {}],
  ['an agent that reads the body', everything],
])('an upstream that does not read stops the client: %s', async (_name, agents) => {
  const go = Promise.withResolvers<void>();
  const { url } = await setup(agents, {}, (request, response) => {
    if (request.url === '/other') return void response.end();
    let bytes = 0;
    request.pause();
    void go.promise.then(() => request.on('data', (part: Buffer) => (bytes += part.length)).resume());
    request.on('end', () => response.end(String(bytes)));
  });
  const upload = httpRequest(url, { method: 'POST' });
  const answer = once(upload, 'response');
  const writing = (async () => {
    for (let at = 0; at < CHUNKS; at++) if (!upload.write(CHUNK)) await once(upload, 'drain');
    upload.end();
  })();
  await meanwhile(url);
  expect(upload.socket?.bytesWritten).toBeLessThan(IN_BETWEEN);
  go.resolve();
  await writing;
  const [response] = (await answer) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const part of response) text += part.toString();
  expect(text).toBe(String(CHUNKS * CHUNK.length));
});

test.each([
  ['no agent', {}],
  ['an agent that reads the body', everything],
])('a client that does not read stops the upstream: %s', async (_name, agents) => {
  let written = 0;
  const { url } = await setup(agents, {}, (request, response) => {
    if (request.url === '/other') return void response.end();
    void (async () => {
      for (let at = 0; at < CHUNKS; at++) {
        written += CHUNK.length;
        if (!response.write(CHUNK)) await once(response, 'drain');
      }
      response.end('the end');
    })();
  });
  const client = await rawClient(url);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  await meanwhile(url);
  expect(written).toBeLessThan(IN_BETWEEN);
  client.socket.removeAllListeners('data');
  let bytes = 0;
  client.socket.on('data', (part: Buffer) => (bytes += part.length)).resume();
  await client.closed();
  expect(bytes).toBeGreaterThan(CHUNKS * CHUNK.length);
});
