import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Tracer } from '@agentwire/core';
import { createGateway, type GatewayOptions, type ListenOptions } from '@agentwire/gateway';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { createUdsTransport } from '@agentwire/transport-uds';

/** Starts a proxy before `upstream`. @param agents endpoints of the agents @returns its address */
export type StartProxy = (upstream: string, agents: readonly string[]) => Promise<string>;

const CONNECTIONS = 128;

async function serve(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Returns a proxy that is the gateway. */
function gateway(
  options: Partial<GatewayOptions> & Pick<ListenOptions, 'h2c'> = {},
  poolOptions: AgentPoolOptions = {},
): StartProxy {
  const { h2c, ...rest } = options;
  return async (upstream, agents) => {
    const pool = new AgentPool({ transports: [createUdsTransport()], ...poolOptions });
    const names = agents.map((_, at) => `bench-${at}`);
    for (const [at, name] of names.entries()) await pool.addAgent(name, agents[at] ?? '');
    return createGateway({ pool, upstream, agents: names, ...rest }).listen({ host: '127.0.0.1', port: 0, h2c });
  };
}

/** Returns a proxy that is the command `agentwire gateway` with workers, each a process of its own. */
function gatewayCommand(workers: number): StartProxy {
  return async (upstream, agents) => {
    const command = fileURLToPath(new URL('../../../../packages/cli/bin/agentwire.js', import.meta.url));
    const flags = ['--json', '--listen', '127.0.0.1:0', '--upstream', upstream, '--workers', String(workers)];
    const asked = agents.flatMap((agent, at) => ['--agent', `bench-${at}=${agent}`]);
    const primary = spawn(process.execPath, [command, 'gateway', ...flags, ...asked], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', () => primary.kill());
    for await (const line of createInterface({ input: primary.stdout })) {
      const { event, endpoint } = JSON.parse(line) as { readonly event: string; readonly endpoint: string };
      if (event === 'listening') return endpoint;
    }
    throw new Error('agentwire gateway ended before it listened');
  };
}

/** Makes a tracer of OpenTelemetry. @param ratio share of traces that the SDK samples; `undefined` without an SDK */
async function tracing(ratio: number | undefined): Promise<{ tracer: Tracer }> {
  const { trace } = await import('@opentelemetry/api');
  const { traceWith } = await import('@agentwire/metrics');
  if (ratio !== undefined) {
    const { NodeTracerProvider, NoopSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } =
      await import('@opentelemetry/sdk-trace-node');
    const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
    // what an exporter costs is not measured
    new NodeTracerProvider({ sampler, spanProcessors: [new NoopSpanProcessor()] }).register();
  }
  return { tracer: traceWith(trace.getTracer('agentwire')) };
}

/** Handler that passes requests with undici, for node:http and for the same interface of node:http2. */
async function undiciHandler(upstream: string): Promise<RequestListener> {
  const { Pool } = await import('undici');
  const pool = new Pool(upstream, { connections: CONNECTIONS });
  return (request, response) => {
    const body = request.method === 'GET' || request.method === 'HEAD' ? null : request;
    const { connection: _, ...all } = request.headers;
    const headers = Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith(':')));
    const ask = { path: request.url ?? '/', method: request.method as 'GET', headers, body, opaque: response };
    pool
      .stream(ask, ({ statusCode, headers: answered }) => {
        const { connection: _gone, 'keep-alive': _too, ...kept } = answered;
        return response.writeHead(statusCode, kept);
      })
      .catch(() => response.destroy());
  };
}

/** The proxies that are compared, by the ids of their rows. */
export const PROXIES: Readonly<Record<string, StartProxy>> = {
  gateway: gateway(),
  'gateway-one-connection': gateway({}, { connectionsPerAgent: 1 }),
  'gateway-two-agents': gateway(),
  'gateway-responses': gateway(),
  async 'gateway-metrics'(upstream, agents) {
    const { MetricsCollector } = await import('@agentwire/metrics');
    const metrics = new MetricsCollector();
    return gateway({ metrics }, { metrics })(upstream, agents);
  },
  async 'gateway-metrics-sdk'(upstream, agents) {
    const { MetricsCollector, observeWith } = await import('@agentwire/metrics');
    const { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } =
      await import('@opentelemetry/sdk-metrics');
    const metrics = new MetricsCollector();
    // an exporter keeps what it got
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    setInterval(() => exporter.reset(), 1_000).unref();
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: 1_000,
      exportTimeoutMillis: 900,
    });
    observeWith(metrics, new MeterProvider({ readers: [reader] }).getMeter('agentwire'));
    return gateway({ metrics }, { metrics })(upstream, agents);
  },
  async 'gateway-traced-no-sdk'(upstream, agents) {
    const { tracer } = await tracing(undefined);
    return gateway({ tracer }, { tracer })(upstream, agents);
  },
  async 'gateway-traced'(upstream, agents) {
    const { tracer } = await tracing(1);
    return gateway({ tracer }, { tracer })(upstream, agents);
  },
  async 'gateway-traced-one-percent'(upstream, agents) {
    const { tracer } = await tracing(0.01);
    return gateway({ tracer }, { tracer })(upstream, agents);
  },
  'gateway-alone': gateway(),
  'gateway-one-worker': gatewayCommand(1),
  'gateway-two-workers': gatewayCommand(2),
  async undici(upstream) {
    return serve(createServer(await undiciHandler(upstream)));
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
    return serve(createServer((request, response) => proxy.web(request, response, {}, () => response.destroy())));
  },
  'gateway-upload': gateway(),
  'gateway-upload-freed': gateway(),
  'gateway-upload-held': gateway({ requestBody: 'buffer' }),
  'gateway-upload-alone': gateway(),
  'gateway-download': gateway(),
  'gateway-download-alone': gateway(),
  'gateway-http2': gateway({ h2c: true }),
  'gateway-http2-alone': gateway({ h2c: true }),
  async 'undici-http2'(upstream) {
    const { createServer: createHttp2Server } = await import('node:http2');
    const handler = await undiciHandler(upstream);
    return serve(createHttp2Server((request, response) => handler(request as never, response as never)));
  },
  'gateway-frames': gateway(),
  'gateway-web-sockets': gateway(),
  'socket-pipe': (upstream) => {
    const { hostname, port } = new URL(upstream);
    return serve(
      createTcpServer({ noDelay: true }, (client) => {
        const other = connect({ host: hostname, port: Number(port), noDelay: true });
        client.on('error', () => other.destroy()).pipe(other);
        other.on('error', () => client.destroy()).pipe(client);
      }),
    );
  },
};
