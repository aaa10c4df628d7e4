import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Decision, ProxyEvent } from '@agentwire/core';
import { expect, test } from 'vitest';
import { Upload } from '../src/upstream/upload.ts';
import { type Agents, setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const more = (event: ProxyEvent): Decision => allow({ needsMore: !('last' in event) || !event.last });
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const BODY = randomBytes(12 * 1024 ** 2);
/** Lengths of the client's writes: some are joined, some are longer than a read. */
const WRITES = [20, 5000, 65_536, 100, 300_000, 4096, 9000];

/** Inverts every second chunk, so that some of what passes is the client's memory and some the agent's. */
function inverting(event: ProxyEvent): Decision {
  if (event.type !== 'requestBodyChunk' || event.index % 2 === 0) return more(event);
  return { ...more(event), requestBodyMutation: { index: event.index, data: event.data.map((byte) => byte ^ 255) } };
}

/** Keeps what it is shown, as an agent in the same process may. */
function keeping() {
  const kept: Uint8Array[] = [];
  const on = (event: ProxyEvent): Decision => {
    if (event.type === 'requestBodyChunk') kept.push(event.data);
    return more(event);
  };
  return { kept, on };
}

interface Received {
  readonly length: number;
  readonly sha256: string;
}

/** Uploads the body to an upstream that reads nothing at first, so that writes to it are pending. */
async function upload(agents: Agents, options: Parameters<typeof setup>[1] = {}, framing = {}): Promise<Received> {
  const { url } = await setup(agents, options, (request, response) => {
    const hash = createHash('sha256');
    let length = 0;
    request.pause();
    setImmediate(() => setImmediate(() => request.resume()));
    request.on('data', (part: Buffer) => {
      hash.update(part);
      length += part.byteLength;
    });
    request.on('end', () => response.end(JSON.stringify({ length, sha256: hash.digest('hex') })));
  });
  const client = httpRequest(url, { method: 'POST', headers: framing });
  const answer = once(client, 'response');
  for (let at = 0, n = 0; at < BODY.length; n += 1) {
    const length = WRITES[n % WRITES.length] ?? 1;
    if (!client.write(BODY.subarray(at, at + length))) await once(client, 'drain');
    at += length;
  }
  client.end();
  const [response] = (await answer) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const part of response) text += part.toString();
  return JSON.parse(text) as Received;
}

const WHOLE: Received = { length: BODY.length, sha256: digest(BODY) };

test.each([
  ['no agent', {}, {}],
  ['an agent that reads the body', { agent: more }, {}],
  ['two agents', { first: more, second: more }, {}],
  ['an agent, held', { agent: more }, { requestBody: 'buffer' }],
  ['an agent that observes', { agent: more }, { agentSettings: { agent: { mode: 'observe' } } }],
] as const)('an upload reaches the upstream as it was sent: %s', async (_name, agents, options) => {
  expect(await upload(agents, options)).toEqual(WHOLE);
  expect(await upload(agents, options, { 'content-length': BODY.length })).toEqual(WHOLE);
});

test('chunks that agents replace and chunks that pass stay apart', async () => {
  // inverted twice
  expect(await upload({ first: inverting, second: inverting })).toEqual(WHOLE);
});

test('an agent in the same process keeps the chunks that it was shown', async () => {
  const { kept, on } = keeping();
  expect(await upload({ agent: on })).toEqual(WHOLE);
  expect(digest(Buffer.concat(kept))).toBe(WHOLE.sha256);
});

test('chunks are released once the connection has written them, those of an earlier attempt never', async () => {
  const chunks = [100, 50, 10, 5, 1].map((length) => new Uint8Array(length));
  const released: number[] = [];
  let unsent = 0;
  let at = 0;
  const source = { next: async () => ({ done: at === chunks.length, value: chunks[at++] as Uint8Array }) };
  const body = {
    replayable: true,
    release: ({ byteLength }: Uint8Array) => void released.push(byteLength),
    [Symbol.asyncIterator]: () => {
      at = 0;
      return source;
    },
  };
  const sent = new Upload(
    body,
    () => undefined,
    () => unsent,
  );
  const first = sent[Symbol.asyncIterator]();
  await first.next();
  await first.next();
  expect(released).toEqual([100]);
  // of 60 bytes, the last 10 are the third chunk
  await first.next();
  unsent = 11;
  await first.next();
  expect(released).toEqual([100, 50]);
  unsent = 5;
  await first.next();
  expect(released).toEqual([100, 50, 10]);
  const second = sent[Symbol.asyncIterator]();
  unsent = 0;
  await second.next();
  expect(released).toEqual([100, 50, 10]);
  await second.next();
  expect(released).toEqual([100, 50, 10, 100]);
  unsent = Infinity;
  await second.next();
  await second.next();
  expect(released).toHaveLength(4);
});
