import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReverseConnectionListener } from 'agentwire/reverse-listener';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type Agent,
  AgentPool,
  type AgentServer,
  allow,
  defineAgent,
  serveAgent,
  stockTransports,
} from '../src/index.ts';

const ignore = (): void => undefined;
/** Connections that a drain ends are lost, which is logged. */
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

const WAYS = ['unix', 'grpc', 'grpc+unix', 'tcp', 'ws', 'memory', 'reverse'];

interface Everywhere {
  readonly pool: AgentPool;
  readonly server: AgentServer;
  readonly folder: string;
}

/** Serves one agent in every way, each of them an agent of the pool by the name of its way. */
async function everywhere(agent: Agent): Promise<Everywhere> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const transports = stockTransports({ logger });
  const pool = new AgentPool({ transports, connectionsPerAgent: 1, logger });
  const listener = await ReverseConnectionListener.bindUds(join(folder, 'proxy.sock'), { transports });
  void listener.acceptLoop(pool);
  const registered = Promise.withResolvers<string>();
  const server = await serveAgent(agent, {
    transports,
    logger,
    listen: [
      `unix:${folder}/a.sock`,
      'grpc://127.0.0.1:0',
      `grpc+unix:${folder}/g.sock`,
      'tcp://127.0.0.1:0',
      'ws://127.0.0.1:0',
      'memory:everywhere',
    ],
    reverse: [{ address: listener.address, agentId: 'reverse', connections: 1 }],
    onRegistered: registered.resolve,
  });
  onTestFinished(async () => {
    await listener.close();
    await pool.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await registered.promise;
  const names = server.endpoints.map((endpoint) => endpoint.split(':')[0] ?? '');
  expect([...names, 'reverse']).toEqual(WAYS);
  for (const [index, name] of names.entries()) await pool.addAgent(name, server.endpoints[index] ?? '');
  return { pool, server, folder };
}

const head = { method: 'POST', headers: [], hasBody: false } as const;

test('one agent serves Unix sockets, gRPC, gRPC over Unix sockets, TCP, WebSocket, memory and a proxy that it dials, at once', async () => {
  const agent = defineAgent({
    name: 'everywhere',
    version: '1',
    requestBody: true,
    onRequestHeaders: async (request) => allow().withTag(await request.text()),
  });
  const { pool, server } = await everywhere(agent);
  const tags = await Promise.all(
    WAYS.map(async (name) => {
      const id = `id-${name}`;
      await pool.sendRequestHeaders(name, { ...head, id, uri: '/', hasBody: true });
      const decision = await pool.sendRequestBodyChunk(name, { id, index: 0, data: Buffer.from(name), last: true });
      return decision.audit?.tags?.[0];
    }),
  );
  expect(tags).toEqual(WAYS);
  expect(server.stats).toMatchObject({ connections: 7, events: 14 });
  const onSocket = server.endpoints.find((endpoint) => endpoint.startsWith('grpc+unix:')) ?? '';
  await pool.addGrpcAgent('by-name', onSocket);
  expect((await pool.sendRequestHeaders('by-name', { ...head, id: 'by-name', uri: '/' })).verdict.type).toBe('allow');
  await expect(pool.addGrpcAgent('over-tls', onSocket, true)).rejects.toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
}, 30_000);

test('under load in every way at once each answer is that of its request, and a drain answers what runs, then ends every way', async () => {
  const held: (() => void)[] = [];
  const agent = defineAgent({
    name: 'everywhere',
    version: '1',
    onRequestHeaders(request) {
      const decision = allow().withTag(request.path);
      if (!request.path.startsWith('/held')) return decision;
      return new Promise((resolve) => void held.push(() => resolve(decision)));
    },
  });
  const { pool, server, folder } = await everywhere(agent);
  const ask = async (way: string, uri: string): Promise<void> => {
    const { audit } = await pool.sendRequestHeaders(way, { ...head, id: `${way} ${uri}`, uri });
    expect(audit?.tags).toEqual([uri]);
  };
  const clients = WAYS.flatMap((way) => Array.from({ length: 8 }, (_, client) => [way, client] as const));
  await Promise.all(
    clients.map(async ([way, client]) => {
      for (let count = 0; count < 25; count += 1) await ask(way, `/${way}/${client}/${count}`);
    }),
  );
  expect(server.stats).toMatchObject({ connections: 7, events: 1_400, failures: 0, running: 0 });
  const running = WAYS.map((way) => ask(way, `/held/${way}`));
  await vi.waitUntil(() => held.length === WAYS.length, 10_000);
  const drained = server.drain();
  expect(server.stats).toMatchObject({ draining: true, running: 7 });
  for (const decide of held) decide();
  await Promise.all(running);
  await drained;
  expect(server.stats).toMatchObject({ connections: 0, running: 0, failures: 0, cancelled: 0 });
  expect(existsSync(join(folder, 'a.sock'))).toBe(false);
  expect(readdirSync(folder)).toEqual(['proxy.sock']);
  const after = await Promise.allSettled(WAYS.map((way) => ask(way, '/after')));
  for (const { status } of after) expect(status).toBe('rejected');
}, 30_000);
