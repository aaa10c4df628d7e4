import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { type AgentDefinition, allow, defineAgent, pass, replace, serveAgent } from '@agentwire/agent';
import { type AgentSettings, createGateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createUdsTransport } from '@agentwire/transport-uds';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

/** An agent of a chain, and what becomes of the bodies that pass it. */
interface Way {
  readonly agent: () => Partial<AgentDefinition>;
  readonly change?: (body: Buffer) => Buffer;
  /** Set for an agent that fails: bodies pass it all the same. */
  readonly fails?: boolean;
}

type ChunkHandler = NonNullable<AgentDefinition['onRequestBodyChunk']>;
type HeadHandler = NonNullable<AgentDefinition['onResponseHeaders']>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);

const onChunks = (on: ChunkHandler): Partial<AgentDefinition> => ({ onRequestBodyChunk: on, onResponseBodyChunk: on });

/** Agent whose handlers of heads read the bodies. */
function onHeads(on: HeadHandler): Partial<AgentDefinition> {
  return { requestBody: true, responseBody: true, onRequestHeaders: on as never, onResponseHeaders: on };
}

const WAYS: Readonly<Record<string, Way>> = {
  'keeps chunks': {
    agent() {
      const kept: Uint8Array[] = [];
      return onChunks(({ data }) => {
        kept.push(data, data.subarray(1));
        return pass();
      });
    },
  },
  'decides later': {
    agent: () =>
      onChunks(async () => {
        await turn();
        return pass();
      }),
  },
  'replaces chunks by views of them': { agent: () => onChunks(({ data }) => replace(data.subarray(0))) },
  'inverts chunks': {
    agent: () => onChunks(({ data }) => replace(invert(data))),
    change: (body) => Buffer.from(invert(body)),
  },
  'drops bytes': {
    agent: () => onChunks(({ data }) => replace(data.filter((byte) => byte !== 7))),
    change: (body) => Buffer.from(body.filter((byte) => byte !== 7)),
  },
  'throws in the middle': {
    fails: true,
    agent: () =>
      onChunks(({ index }) => {
        if (index === 1) throw new Error('this agent fails');
        return pass();
      }),
  },
  'fails later': {
    fails: true,
    agent: () =>
      onChunks(async ({ index }) => {
        await turn();
        if (index === 1) throw new Error('this agent fails');
        return pass();
      }),
  },
  'ends its inspection': { agent: () => onChunks(({ index }) => (index === 1 ? pass().done() : pass())) },
  'gives pieces to a stream': {
    agent: () =>
      onHeads(async ({ body }) => {
        const zip = createGzip({ level: 1 }).resume();
        for await (const piece of body) await new Promise((resolve) => zip.write(piece, resolve));
        zip.destroy();
        return allow();
      }),
  },
  'reads a preview, then the rest': {
    agent: () =>
      onHeads(async ({ body }) => {
        await body.preview(70_000);
        for await (const _ of body) await turn();
        return allow();
      }),
  },
  'stops reading': {
    agent: () =>
      onHeads(async ({ body }) => {
        for await (const _ of body) break;
        return allow();
      }),
  },
  'reads the whole': { agent: () => onHeads(async (message) => (await message.bytes(), allow())) },
  'reads the whole in a mapped file': {
    agent: () => onHeads(async (message) => (await message.bytes({ spill: true }), allow())),
  },
  'reads text': { agent: () => onHeads(async (message) => (await message.text(), allow())) },
  'puts the held body in its own place': {
    agent: () => onHeads(async (message) => allow().replaceBody(await message.bytes({ hold: true }))),
  },
  'puts a view of the held body in its place': {
    agent: () => onHeads(async (message) => allow().replaceBody((await message.bytes({ hold: true })).subarray(0))),
  },
  'holds text': { agent: () => onHeads(async (message) => (await message.text({ hold: true }), allow())) },
  'replaces text that is not there': { agent: () => onHeads(() => allow().replaceText('this is not there', '')) },
  'gives each piece later': {
    agent: () =>
      onHeads(() =>
        allow().transformBody(async function* (body) {
          let before: Uint8Array | undefined;
          for await (const piece of body) {
            if (before !== undefined) yield before;
            before = piece;
          }
          if (before !== undefined) yield* [before.subarray(0, 1), before.subarray(1)];
        }),
      ),
  },
};

interface Link {
  readonly way: string;
  readonly freeChunks: boolean;
  readonly medium: 'unix' | 'memory';
  readonly observes: boolean;
}

interface Plan {
  readonly chain: readonly Link[];
  readonly held: boolean;
  readonly lengths: readonly number[];
  readonly hasLength: boolean;
  readonly seed: number;
  /** Bytes after which an upload before this one is given up by its client. */
  readonly givenUpAfter: number;
}

const others = fc.array(
  fc.record<Link>({
    way: fc.constantFrom(...Object.keys(WAYS)),
    freeChunks: fc.boolean(),
    medium: fc.constantFrom('unix', 'memory'),
    observes: fc.nat(3).map((n) => n === 0),
  }),
  { maxLength: 2 },
);

/** Plans with an agent of this way that frees its chunks, before others. */
const plansOf = (way: string): fc.Arbitrary<Plan> =>
  fc.record<Plan>({
    chain: others.map((rest) => [{ way, freeChunks: true, medium: 'unix', observes: false }, ...rest]),
    held: fc.boolean(),
    lengths: fc.tuple(fc.nat(200), fc.integer({ min: 70_000, max: 200_000 }), fc.integer({ min: 3_000, max: 200_000 })),
    hasLength: fc.boolean(),
    seed: fc.nat(),
    givenUpAfter: fc.nat(200_000),
  });

/** Bytes that repeat nowhere near, of all values, so that no piece can stand for another one. */
function bytesOf(length: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4) + 1);
  let state = (seed | 1) >>> 0;
  for (let at = 0; at < words.length; at++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    words[at] = state ^ at;
  }
  return Buffer.from(words.buffer, 0, length);
}

/** Upstream that answers with the body that it got. */
async function echo(): Promise<{ url: string; bodies: Map<string, Buffer> }> {
  const bodies = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    buffer(request).then(
      (body) => {
        bodies.set(request.url ?? '', body);
        response.end(body);
      },
      () => undefined,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

/** Uploads a body in these pieces. @returns the answer's body */
async function upload(url: string, pieces: readonly Buffer[], headers: Record<string, number>): Promise<Buffer> {
  const request = httpRequest(url, { method: 'POST', headers, agent: false });
  const answered = new Promise<Buffer>((resolve, reject) => {
    request.on('error', reject).on('response', (response) => void buffer(response).then(resolve, reject));
  });
  for (const piece of pieces) await new Promise((resolve) => request.write(piece, resolve));
  request.end();
  return answered;
}

/** Begins an upload and leaves. */
async function giveUp(url: string, bytes: Buffer): Promise<void> {
  const request = httpRequest(url, { method: 'POST', agent: false });
  request.on('error', () => undefined);
  await new Promise((resolve) => request.write(bytes, resolve));
  await turn();
  request.destroy();
}

/** Starts the agents of a chain. @returns the gateway's address */
async function gatewayWith({ chain, held }: Plan, upstream: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-freed-'));
  const transports = [createUdsTransport(), createMemoryTransport()];
  const pool = new AgentPool({ transports, connectionsPerAgent: 1 });
  const settings: Record<string, AgentSettings> = {};
  const stops: (() => Promise<void>)[] = [];
  for (const [at, { way, freeChunks, medium, observes }] of chain.entries()) {
    const name = `agent-${at}`;
    const definition = WAYS[way]?.agent() ?? {};
    const agent = defineAgent({ name, version: '1', freeChunks, ...definition });
    const where = medium === 'unix' ? `unix:${join(folder, name)}` : `memory:freed-${name}`;
    const server = await serveAgent(agent, { transports, listen: [where] });
    stops.push(() => server.close());
    await pool.addAgent(name, where);
    settings[name] = {
      onFailure: WAYS[way]?.fails === true ? 'open' : 'closed',
      mode: observes ? 'observe' : 'decide',
    };
  }
  const gateway = createGateway({
    pool,
    upstream,
    agents: Object.keys(settings),
    agentSettings: settings,
    requestBody: held ? 'buffer' : 'stream',
    responseBody: held ? 'buffer' : 'stream',
  });
  const url = await gateway.listen();
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true });
  });
  return url;
}

function cut(whole: Buffer, lengths: readonly number[]): Buffer[] {
  let at = 0;
  return lengths.map((length) => whole.subarray(at, (at += length)));
}

test.each(Object.keys(WAYS))('every byte of uploads and downloads passes an agent that %s', async (way) => {
  const { url: upstream, bodies } = await echo();
  const one = async (plan: Plan): Promise<void> => {
    const { chain, lengths, hasLength, seed, givenUpAfter } = plan;
    const url = await gatewayWith(plan, upstream);
    const length = lengths.reduce((sum, bytes) => sum + bytes, 0);
    const changes = chain
      .filter(({ observes }) => !observes)
      .map((link) => WAYS[link.way]?.change ?? ((body: Buffer) => body));
    const changed = (body: Buffer): Buffer => changes.reduce((sum, change) => change(sum), body);
    await giveUp(`${url}/left`, bytesOf(givenUpAfter, seed + 2));
    const uploads = [seed, seed + 1].map(async (from, at) => {
      const body = bytesOf(length, from);
      const answer = await upload(`${url}/${at}`, cut(body, lengths), hasLength ? { 'content-length': length } : {});
      expect(bodies.get(`/${at}`)?.equals(changed(body)), `upload ${at} of ${length} bytes`).toBe(true);
      expect(answer.equals(changed(changed(body))), `download ${at} of ${length} bytes`).toBe(true);
    });
    await Promise.all(uploads);
  };
  await fc.assert(fc.asyncProperty(plansOf(way), one), { numRuns: 1 });
});
