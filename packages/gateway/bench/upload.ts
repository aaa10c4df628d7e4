// 100 MB uploads through a gateway, in MB/s: with no agent, with one that gets every chunk, and buffered for it.
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, defineAgent, pass, serveAgent } from '@agentwire/agent';
import { createGateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';

const SIZE = 100 * 1024 ** 2;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
const folder = mkdtempSync(join(tmpdir(), 'gateway-bench-'));
const transports = [createUdsTransport()];
const endpoint = `unix:${join(folder, 'agent.sock')}`;
const agent = defineAgent({
  name: 'reader',
  version: '1.0.0',
  onRequestHeaders: () => allow().needsMoreBody(),
  onRequestBodyChunk: () => pass(),
});
const server = await serveAgent(agent, { transports, listen: [endpoint] });
const pool = new AgentPool({ transports });
await pool.addAgent('reader', endpoint);
const upstream = createServer((request, response) => void request.resume().on('end', () => response.end()));
await once(upstream.listen(0, '127.0.0.1'), 'listening');
const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;

// what Node can do without any of it: a proxy of five lines
const bare = createServer((request, response) => {
  const { method, headers } = request;
  request.pipe(httpRequest(target, { method, headers }, (from) => from.pipe(response)));
});
await once(bare.listen(0, '127.0.0.1'), 'listening');
const barely = {
  listen: (): Promise<string> => Promise.resolve(`http://127.0.0.1:${(bare.address() as AddressInfo).port}`),
  close: (): Promise<void> => Promise.resolve(void bare.close()),
};

async function upload(url: string): Promise<number> {
  const since = performance.now();
  const request = httpRequest(url, { method: 'POST', headers: { 'content-length': SIZE } });
  const answer = once(request, 'response');
  for (let at = 0; at < SIZE; at += CHUNK.length) if (!request.write(CHUNK)) await once(request, 'drain');
  request.end();
  const [response] = (await answer) as [NodeJS.ReadableStream];
  await once(response.resume(), 'end');
  return SIZE / 1024 ** 2 / ((performance.now() - since) / 1000);
}

const ways = {
  'no gateway': undefined,
  'a bare proxy': barely,
  'no agent': createGateway({ pool, upstream: target }),
  'a chunk agent': createGateway({ pool, upstream: target, agents: ['reader'] }),
  'a chunk agent, buffered': createGateway({ pool, upstream: target, agents: ['reader'], requestBody: 'buffer' }),
};
for (const [name, gateway] of Object.entries(ways)) {
  const url = (await gateway?.listen()) ?? target;
  const rates: number[] = [];
  for (let round = 0; round < 4; round++) rates.push(await upload(url));
  process.stdout.write(`${name.padEnd(20)} ${Math.max(...rates.slice(1)).toFixed(0)} MB/s\n`);
  await gateway?.close();
}
upstream.close();
await pool.close();
await server.close();
rmSync(folder, { recursive: true, force: true });
