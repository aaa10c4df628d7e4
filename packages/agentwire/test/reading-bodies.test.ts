import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AgentPool,
  allow,
  block,
  createGateway,
  defineAgent,
  serveAgent,
  type AgentDefinition,
  type IncomingMessage,
} from '../src/index.ts';

type Handlers = Omit<AgentDefinition, 'name' | 'version'>;

interface Way {
  readonly name: string;
  /** Endpoint of the agent. */
  readonly listen: string;
  /** Encodings that the pool offers. */
  readonly encodings?: readonly string[];
}

/** Each way that a gateway and an agent of ours can speak. */
const WAYS: readonly Way[] = [
  { name: 'memory', listen: 'memory:' },
  { name: 'uds msgpack', listen: 'unix:', encodings: ['msgpack'] },
  { name: 'uds json', listen: 'unix:', encodings: ['json'] },
  { name: 'tcp', listen: 'tcp://127.0.0.1:0' },
  { name: 'gRPC', listen: 'grpc://127.0.0.1:0' },
];

/** Says `secret` in its body: chunked for /chunked, nothing for /empty, with its length else. */
const upstream: RequestListener = (incoming, response) => {
  incoming.resume().on('end', () => {
    if (incoming.url === '/empty') response.writeHead(204).end();
    else if (incoming.url === '/chunked') {
      response.write('the se');
      response.end('cret');
    } else response.end('the secret');
  });
};

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly parts?: readonly string[];
  /** Set when the body is sent with its length. */
  readonly length?: boolean;
}

/** A gateway in front of the agent. @returns what asks it, and gives the status */
async function gatewayTo(handlers: Handlers, { listen, encodings }: Way): Promise<(asked: Asked) => Promise<number>> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const server = createServer(upstream).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = defineAgent({ name: 'reader', version: '1', ...handlers });
  const address = listen.endsWith(':') ? `${listen}${folder}/a.sock` : listen;
  const agents = await serveAgent(agent, { listen: [address] });
  const pool = new AgentPool({ connectionsPerAgent: 1, ...(encodings !== undefined && { encodings }) });
  const gateway = createGateway({
    pool,
    upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agents: ['reader'],
    requestBody: 'buffer',
    responseBody: 'buffer',
  });
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
    await agents.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await pool.addAgent('reader', agents.endpoints[0] as string);
  const url = await gateway.listen();
  return async ({ method = 'POST', path = '/', parts = [], length = false }) => {
    const headers = length ? { 'content-length': parts.join('').length } : {};
    const sent = request(new URL(path, url), { method, headers, agent: false });
    for (const part of parts) sent.write(part);
    sent.end();
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode as number;
  };
}

const decide = (body: string): ReturnType<typeof allow> => (/attack|secret/.test(body) ? block(403) : allow());

const WHOLE: Record<string, (message: IncomingMessage) => Promise<string>> = {
  text: (message) => message.text(),
  bytes: async (message) => Buffer.from(await message.bytes()).toString(),
  'the body as it comes': async (message) => {
    let seen = '';
    for await (const piece of message.body) seen += Buffer.from(piece).toString();
    return seen;
  },
  'text where one is announced': async (message) => (message.hasBody ? message.text() : ''),
};

/** Decides on chunks, after a head that only looks whether there are any. */
function chunks(ofResponse: boolean): Handlers {
  const seen: string[] = [];
  const onHead = (message: IncomingMessage): ReturnType<typeof allow> =>
    message.hasBody ? allow().needsMoreBody() : allow();
  const onChunk: NonNullable<Handlers['onRequestBodyChunk']> = (chunk) => {
    seen.push(Buffer.from(chunk.data).toString());
    return chunk.last ? decide(seen.join('')) : allow().needsMoreBody();
  };
  if (ofResponse) return { onResponseHeaders: onHead, onResponseBodyChunk: onChunk };
  return { onRequestHeaders: onHead, onRequestBodyChunk: onChunk };
}

/** Decides on each chunk by itself, and lets every other pass. */
const natural: NonNullable<Handlers['onRequestBodyChunk']> = ({ data }) =>
  /ack|cret/.test(Buffer.from(data).toString()) ? block(403) : allow();

const requestReaders = Object.entries(WHOLE).map(([name, read]): [string, Handlers] => [
  name,
  { requestBody: true, onRequestHeaders: async (message) => decide(await read(message)) },
]);
const responseReaders = Object.entries(WHOLE).map(([name, read]): [string, Handlers] => [
  name,
  { responseBody: true, onResponseHeaders: async (message) => decide(await read(message)) },
]);

describe.each(WAYS)('a body over $name is judged', (way) => {
  describe.each([
    ['with its length', true],
    ['chunked', false],
  ])('%s', (_, length) => {
    it.each([
      ...requestReaders,
      ['chunks', chunks(false)] as const,
      ['chunks that pass one by one', { onRequestHeaders: () => allow(), onRequestBodyChunk: natural }] as const,
    ])('request, read as %s', async (_reader, handlers) => {
      const ask = await gatewayTo(handlers, way);
      expect(await ask({ parts: ['an att', 'ack here'], length })).toBe(403);
    });

    it.each([
      ...responseReaders,
      ['chunks', chunks(true)] as const,
      ['chunks that pass one by one', { onResponseBodyChunk: natural }] as const,
    ])('response, read as %s', async (_reader, handlers) => {
      const ask = await gatewayTo(handlers, way);
      expect(await ask({ method: 'GET', path: length ? '/' : '/chunked' })).toBe(403);
    });
  });

  it('also where there is none: who asked for it decides on its end', async () => {
    const ask = await gatewayTo(
      {
        onRequestHeaders: () => allow().needsMoreBody(),
        onRequestBodyChunk: ({ data, last }) => (last && data.byteLength === 0 ? block(451) : allow()),
      },
      way,
    );
    expect(await ask({ method: 'GET' })).toBe(451);
    const judging = await gatewayTo(
      {
        onResponseHeaders: () => allow().needsMoreBody(),
        onResponseBodyChunk: ({ data, last }) => (last && data.byteLength === 0 ? block(451) : allow()),
      },
      way,
    );
    expect(await judging({ method: 'GET', path: '/empty' })).toBe(451);
  });

  it('and a message without one is decided at once', async () => {
    const handlers: Handlers = {
      requestBody: true,
      responseBody: true,
      onRequestHeaders: async (message) => ((await message.text()) === '' ? allow() : block(403)),
      onResponseHeaders: async (message) => ((await message.text()) === '' ? allow() : block(403)),
    };
    const ask = await gatewayTo(handlers, way);
    expect(await ask({ method: 'GET', path: '/empty' })).toBe(204);
  });
});
