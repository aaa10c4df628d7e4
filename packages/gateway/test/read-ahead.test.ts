import { EventEmitter } from 'node:events';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { expect, test, vi } from 'vitest';
import { RequestReader } from '../src/body/request-reader.ts';
import type { ClientRequest } from '../src/client-messages.ts';
import type { Deadlines } from '../src/deadlines.ts';
import { rawClient } from './raw-client.ts';
import { type Agents, echo, setup } from './setup.ts';

const more: Decision = { verdict: { type: 'allow' }, needsMore: true };

/** An agent that reads bodies, and decides on the first chunk when `decide` is called. */
function slowAtFirst() {
  const first = Promise.withResolvers<Decision>();
  const sizes: number[] = [];
  const on = (event: ProxyEvent): Decision | Promise<Decision> => {
    if (event.type !== 'requestBodyChunk')
      return event.type === 'requestHeaders' && event.method === 'POST' ? more : ALLOW;
    sizes.push(event.data.byteLength);
    const decision = { ...more, needsMore: !event.last };
    return sizes.length === 1 ? first.promise : decision;
  };
  const agents: Agents = { agent: { on, events: ['requestHeaders', 'requestBodyChunk'] } };
  return { agents, sizes, decide: () => first.resolve(more) };
}

test('small chunks that come while an agent decides are one event', async () => {
  const { agents, sizes, decide } = slowAtFirst();
  let read = 0;
  const { url } = await setup(agents, {}, (request, response) => {
    request.on('data', ({ length }: Buffer) => (read += length)).on('end', () => response.end(String(read)));
  });
  const client = await rawClient(url);
  client.send('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await vi.waitFor(() => expect(sizes).toEqual([3]));
  client.send('4\r\ndefg\r\n2\r\nhi\r\n1\r\nj\r\n0\r\n\r\n');
  // another request on the way through the same event loop: the chunks have come before it
  const other = await rawClient(url);
  other.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await other.until(/\r\n\r\n0/);
  decide();
  expect(await client.until(/\r\n\r\n10/)).toMatch(/^HTTP\/1\.1 200/);
  expect(sizes).toEqual([3, 7, 0]);
});

test('a body that is read ahead arrives whole and in order', async () => {
  const { agents, sizes, decide } = slowAtFirst();
  const { url } = await setup(agents, {}, echo);
  const body = Array.from({ length: 100_000 }, (_, at) => String(at)).join(' ');
  const answer = fetch(url, { method: 'POST', body });
  await vi.waitFor(() => expect(sizes).toHaveLength(1));
  decide();
  expect(((await (await answer).json()) as { body: string }).body === body).toBe(true);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(261_120);
});

/** A request of HTTP/1.1 whose chunks come when the test says so. */
function fakeRequest() {
  const request = Object.assign(new EventEmitter(), {
    httpVersionMajor: 1,
    flowing: false,
    pause: () => void (request.flowing = false),
    resume: () => void (request.flowing = true),
  });
  const deadlines = { now: () => 0, add() {}, delete() {} } as unknown as Deadlines;
  const limits = { maxBytes: 1e9, minBytesPerSecond: 0, deadlines, onStart: () => undefined, ownsChunks: false };
  const reader = new RequestReader(request as unknown as ClientRequest, limits);
  const read = (length: number): void => void request.emit('data', Buffer.alloc(length));
  return { request, reader, read };
}

test('what has come while agents decide is one chunk, up to its limit; nothing is read past that', async () => {
  const { request, reader, read } = fakeRequest();
  const first = reader.nextJoined();
  read(1000);
  expect((await first).value).toHaveLength(1000);
  for (let n = 0; n < 3; n += 1) read(65_536);
  expect(request.flowing).toBe(true);
  read(65_536);
  expect(request.flowing).toBe(false);
  expect((await reader.nextJoined()).value).toHaveLength(3 * 65_536);
  expect(request.flowing).toBe(true);
  expect((await reader.nextJoined()).value).toHaveLength(65_536);
});

test('a body that no agent reads is passed as it comes, with less read ahead', async () => {
  const { request, reader, read } = fakeRequest();
  const first = reader.next();
  read(1000);
  expect((await first).value).toHaveLength(1000);
  read(65_536);
  expect(request.flowing).toBe(true);
  read(65_536);
  expect(request.flowing).toBe(false);
  expect((await reader.next()).value).toHaveLength(65_536);
});

test('a reader that stops leaves no request paused, and frees nothing but what it has joined', async () => {
  const { request, reader } = fakeRequest();
  const parts = [70_000, 60_000, 80_000].map((length) => Buffer.from(new Uint8Array(length).fill(1).buffer));
  const first = reader.nextJoined();
  request.emit('data', parts[0]);
  const alone = (await first).value as Uint8Array;
  for (const part of parts.slice(1)) request.emit('data', part);
  const joined = (await reader.nextJoined()).value as Uint8Array;
  expect(joined.byteLength).toBe(140_000);
  for (const chunk of [alone, joined]) reader.release(chunk);
  expect([joined.byteLength, ...parts.map(({ byteLength }) => byteLength)]).toEqual([0, 70_000, 60_000, 80_000]);
  for (let n = 0; n < 5; n += 1) request.emit('data', Buffer.alloc(65_536));
  expect(request.flowing).toBe(false);
  await reader.return();
  expect(request.flowing).toBe(true);
});

test('an upload that the upstream answers before its end leaves its connection usable', async () => {
  const { agents, sizes, decide } = slowAtFirst();
  const { url } = await setup(agents, {}, (request, response) => void response.end(request.url));
  const client = await rawClient(url);
  client.send('POST /first HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n');
  client.send('x'.repeat(1_000_000));
  await vi.waitFor(() => expect(sizes).toHaveLength(1));
  client.send('GET /second HTTP/1.1\r\nhost: h\r\n\r\n');
  decide();
  expect(await client.until(/\/second/)).toMatch(/^HTTP\/1\.1 200/);
});
