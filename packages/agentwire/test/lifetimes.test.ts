import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
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
  type HandlerContext,
} from '../src/index.ts';
import { createUdsTransport } from '../src/transport-uds.ts';

type Handlers = Omit<AgentDefinition<string>, 'name' | 'version'>;

interface Way {
  readonly name: string;
  readonly listen: string;
  readonly dialect?: 'zentinel';
}

const WAYS: readonly Way[] = [
  { name: 'memory', listen: 'memory:' },
  { name: 'uds', listen: 'unix:' },
  { name: 'uds in the zentinel dialect', listen: 'unix:', dialect: 'zentinel' },
  { name: 'tcp', listen: 'tcp://127.0.0.1:0' },
  { name: 'WebSocket', listen: 'ws://127.0.0.1:0/audit' },
  { name: 'gRPC', listen: 'grpc://127.0.0.1:0' },
];

/** A gateway in front of the agent, and of an upstream that never answers /never and has no body for /empty. */
async function gatewayTo(handlers: Handlers, { listen, dialect }: Way): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const server = createServer((incoming, response) => {
    if (incoming.url === '/never') return;
    incoming.resume().on('end', () => {
      if (incoming.url === '/empty') return response.writeHead(204).end();
      if (incoming.url === '/chunked') response.write('a ');
      return response.end('body');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = defineAgent({ name: 'audit', version: '1', ...handlers });
  const agents = await serveAgent(agent, { listen: [listen.endsWith(':') ? `${listen}${folder}/a.sock` : listen] });
  const pool = new AgentPool({
    connectionsPerAgent: 1,
    ...(dialect !== undefined && { transports: [createUdsTransport({ dialect })] }),
  });
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = createGateway({ pool, upstream, agents: ['audit'] });
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
    await agents.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await pool.addAgent('audit', agents.endpoints[0] as string);
  return gateway.listen();
}

/** Notes what a handler that is told of an end knows, and lets the test wait for it. */
function notes(): { note: (context: HandlerContext<string>) => void; noted: () => Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const note = ({ request: asked, response, state }: HandlerContext<string>): void =>
    resolve(`${asked?.path} ${response?.status} ${state}`);
  return { note, noted: () => promise };
}

describe.each(WAYS)('what belongs to a request over $name', (way) => {
  it.each([
    ['/blocked', '/blocked undefined head'],
    ['/empty', '/empty 204 head'],
    ['/body', '/body 200 head+chunk'],
    ['/chunked', '/chunked 200 head+chunk'],
    ['/response-blocked', '/response-blocked 200 head'],
  ])('is there when it is complete: %s', async (path, expected) => {
    const { note, noted } = notes();
    const url = await gatewayTo(
      {
        onRequestHeaders: ({ path: asked }, context) => {
          context.state = 'head';
          return asked === '/blocked' ? block() : allow();
        },
        onResponseHeaders: (_, context) => (context.request?.path === '/response-blocked' ? block() : allow()),
        onResponseBodyChunk: ({ last }, context) => {
          if (last) context.state += '+chunk';
          return allow();
        },
        onRequestComplete: (_, context) => note(context),
      },
      way,
    );
    await (await fetch(url + path)).arrayBuffer();
    expect(await noted()).toBe(expected);
  });

  it.each([
    ['also hears of complete requests', { onRequestComplete: () => undefined }],
    ['only hears of cancelled ones', {}],
  ])('is there for onCancel of an agent that %s, after the head was decided', async (_, more) => {
    const { note, noted } = notes();
    const decided = Promise.withResolvers<void>();
    const handlers: Handlers = {
      onRequestHeaders: (_request, context) => {
        context.state = 'head';
        setImmediate(decided.resolve);
        return allow();
      },
      ...more,
      onCancel: (_reason, context) => note(context),
    };
    const asked = request(`${await gatewayTo(handlers, way)}/never`).on('error', () => undefined);
    asked.end();
    await decided.promise;
    asked.destroy();
    expect(await noted()).toBe('/never undefined head');
  });

  it('is heard of by an agent that only wants the end', async () => {
    const { note, noted } = notes();
    const url = await gatewayTo({ onRequestComplete: (_, context) => note(context) }, way);
    await (await fetch(`${url}/body`)).arrayBuffer();
    expect(await noted()).toBe('/body undefined undefined');
  });

  it('has a body for an agent that wants no heads', async () => {
    const url = await gatewayTo(
      { onRequestBodyChunk: ({ data }) => (Buffer.from(data).includes('attack') ? block(451) : allow()) },
      way,
    );
    expect((await fetch(url, { method: 'POST', body: 'an attack' })).status).toBe(451);
  });
});
