import { once } from 'node:events';
import { Agent, createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway } from '@agentwire/gateway';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';

/** Starts a proxy before `upstream`. @param agent the endpoint of an agent @returns its address */
export type StartProxy = (upstream: string, agent: string) => Promise<string>;

const CONNECTIONS = 128;

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function startGateway(upstream: string, agent?: string, options: AgentPoolOptions = {}): Promise<string> {
  const pool = new AgentPool({ transports: [createUdsTransport()], ...options });
  if (agent !== undefined) await pool.addAgent('bench', agent);
  const gateway = createGateway({ pool, upstream, agents: agent === undefined ? [] : ['bench'] });
  return gateway.listen({ host: '127.0.0.1', port: 0 });
}

/** The proxies that are compared, by the ids of their rows. */
export const PROXIES: Readonly<Record<string, StartProxy>> = {
  gateway: startGateway,
  'gateway-one-connection': (upstream, agent) => startGateway(upstream, agent, { connectionsPerAgent: 1 }),
  'gateway-alone': (upstream) => startGateway(upstream),
  async undici(upstream) {
    const { Pool } = await import('undici');
    const pool = new Pool(upstream, { connections: CONNECTIONS });
    return serve((request, response) => {
      const body = request.method === 'GET' || request.method === 'HEAD' ? null : request;
      const { connection: _, ...headers } = request.headers;
      const ask = { path: request.url ?? '/', method: request.method as 'GET', headers, body, opaque: response };
      pool
        .stream(ask, ({ statusCode, headers: answered }) => {
          const { connection: _gone, 'keep-alive': _too, ...kept } = answered;
          return response.writeHead(statusCode, kept);
        })
        .catch(() => response.destroy());
    });
  },
  async fastify(upstream) {
    const { default: createFastify } = await import('fastify');
    const { default: proxy } = await import('@fastify/http-proxy');
    const server = createFastify();
    await server.register(proxy, { upstream, undici: { connections: CONNECTIONS } });
    return server.listen({ host: '127.0.0.1', port: 0 });
  },
  async 'http-proxy'(upstream) {
    const { default: library } = await import('http-proxy');
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const proxy = library.createProxyServer({ target: upstream, agent });
    return serve((request, response) => proxy.web(request, response, {}, () => response.destroy()));
  },
};
