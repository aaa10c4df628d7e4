import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, AgentClientV2, AgentClientV2Uds, AgentPool, defineAgent, serveAgent, V2Transport } from 'agentwire';
import { expect, onTestFinished, test } from 'vitest';

const metadata = {
  correlationId: 'c',
  requestId: 'r',
  clientIp: '::1',
  clientPort: 1,
  protocol: 'HTTP/1.1',
  timestamp: '',
};
const head = { id: 'mine', metadata, method: 'GET', uri: '/', headers: [], hasBody: false };
const agent = defineAgent({ name: 'waf', version: '1.0.0', onRequestHeaders: () => allow().withTag('seen') });

test('one agent on every stock transport, and every client of the documents reaches it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'waf.sock');
  const server = await serveAgent(agent, {
    listen: [`unix:${path}`, 'grpc://127.0.0.1:0', 'tcp://127.0.0.1:0', 'memory:waf'],
  });
  onTestFinished(() => server.close());
  for (const endpoint of server.endpoints) {
    const client = await V2Transport.connect(endpoint);
    expect((await client.sendRequestHeaders(head)).audit?.tags, endpoint).toEqual(['seen']);
    client.endRequest('mine');
    await client.close();
  }
  const grpc = server.endpoints.find((endpoint) => endpoint.startsWith('grpc:')) ?? '';
  for (const client of [await AgentClientV2Uds.connect(path), await AgentClientV2.connect(grpc)]) {
    expect(client.capabilities.events).toContain('requestHeaders');
    expect((await client.sendRequestHeaders(head)).audit?.tags).toEqual(['seen']);
    await client.close();
  }
});

test('new AgentPool() reaches every kind of endpoint', async () => {
  const server = await serveAgent(agent, { listen: ['memory:pooled', 'grpc://127.0.0.1:0'] });
  const pool = new AgentPool({ connectionsPerAgent: 1 });
  for (const [at, endpoint] of server.endpoints.entries()) {
    await pool.addAgent(`waf-${at}`, endpoint);
    expect((await pool.request(`waf-${at}`, { ...head, type: 'requestHeaders' })).verdict.type).toBe('allow');
  }
  await pool.close();
  await server.close();
});

test('a scheme that no stock transport has is named', async () => {
  await expect(V2Transport.connect('carrier:pigeon')).rejects.toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
});
