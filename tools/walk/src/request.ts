import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { createAgentPool } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';

/** A pool and an agent in this process, connected over a Unix socket. */
export interface RequestPath extends AsyncDisposable {
  /** Asks the agent about one request and resolves with its decision. */
  request(): Promise<unknown>;
}

/** Requests before the first measured one: connections, caches and lazy initialisation are done by then. */
const WARM_UP = 200;

const HEADERS = Object.entries({
  host: 'shop.example',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)',
  accept: 'text/html,application/xhtml+xml',
  'accept-language': 'en-GB,en;q=0.9',
  'accept-encoding': 'gzip, br',
  cookie: 'session=7c1f; theme=dark',
  referer: 'https://shop.example/orders',
  connection: 'keep-alive',
}).flat();

/** Connects both ends and warms them up. */
export async function openRequestPath(): Promise<RequestPath> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-walk-'));
  const path = join(folder, 'agent.sock');
  const transports = [createUdsTransport()];
  const agent = defineAgent({ name: 'waf', version: '1.0.0', onRequestHeaders: async () => allow() });
  const server = await serveAgent(agent, { listen: [path], transports });
  const pool = createAgentPool({ transports, connectionsPerAgent: 1 });
  await pool.addAgent('waf', path);
  let id = 0;
  const request = (): Promise<unknown> => {
    id += 1;
    return pool.decide('waf', {
      type: 'requestHeaders',
      id,
      metadata: {
        correlationId: `c-${id}`,
        requestId: `r-${id}`,
        clientIp: '203.0.113.9',
        clientPort: 51_034,
        serverName: 'shop.example',
        protocol: 'HTTP/1.1',
        timestamp: '2025-01-01T00:00:00.000Z',
      },
      method: 'GET',
      uri: '/orders/7?full=1',
      headers: HEADERS,
      hasBody: false,
    });
  };
  for (let done = 0; done < WARM_UP; done += 1) await request();
  return {
    request,
    async [Symbol.asyncDispose]() {
      await pool.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
