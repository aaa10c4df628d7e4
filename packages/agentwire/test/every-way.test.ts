import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReverseConnectionListener } from 'agentwire/reverse-listener';
import { expect, onTestFinished, test } from 'vitest';
import { AgentPool, allow, defineAgent, serveAgent, stockTransports } from '../src/index.ts';

test('one agent serves Unix sockets, gRPC, TCP, WebSocket, memory and a proxy that it dials, at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  const transports = stockTransports();
  const pool = new AgentPool({ transports, connectionsPerAgent: 1 });
  const listener = await ReverseConnectionListener.bindUds(join(folder, 'proxy.sock'), { transports });
  void listener.acceptLoop(pool);
  const agent = defineAgent({
    name: 'everywhere',
    version: '1',
    requestBody: true,
    onRequestHeaders: async (request) => allow().withTag(await request.text()),
  });
  const registered = Promise.withResolvers<string>();
  const server = await serveAgent(agent, {
    transports,
    listen: [
      `unix:${folder}/a.sock`,
      'grpc://127.0.0.1:0',
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
  expect(names).toEqual(['unix', 'grpc', 'tcp', 'ws', 'memory']);
  for (const [index, name] of names.entries()) await pool.addAgent(name, server.endpoints[index] ?? '');
  const tags = await Promise.all(
    [...names, 'reverse'].map(async (name) => {
      const id = `id-${name}`;
      await pool.sendRequestHeaders(name, { id, method: 'POST', uri: '/', headers: [], hasBody: true });
      const decision = await pool.sendRequestBodyChunk(name, { id, index: 0, data: Buffer.from(name), last: true });
      return decision.audit?.tags?.[0];
    }),
  );
  expect(tags).toEqual([...names, 'reverse']);
  expect(server.stats).toMatchObject({ connections: 6, events: 12 });
}, 30_000);
