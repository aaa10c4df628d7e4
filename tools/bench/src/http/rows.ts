import type { Goal, Row } from '../plan/row.ts';
import type { WorkloadName } from './workloads.ts';

/** Row about a proxy: what its clients do, and the agents that it asks. */
export interface HttpRow extends Row {
  readonly workload: WorkloadName;
  /** Stacks of the agents, each in a process of its own. */
  readonly agents: readonly string[];
}

type Goals = Readonly<Record<number, readonly Goal[]>>;
type Kind = Pick<HttpRow, 'workload' | 'agents'> & Partial<Pick<HttpRow, 'bytesPerQuestion'>>;

/** @param id also of its proxy in `PROXIES` or `OTHERS` */
function proxy(id: string, title: string, kind: Kind, goals: Goals, at: readonly number[]): HttpRow {
  const end = { by: 'node', stack: id } as const;
  const loads = at.map((inFlight) => ({ inFlight, goals: goals[inFlight] ?? [] }));
  return { id, title, group: 'http', place: 'tcp', server: end, client: end, loads, ...kind };
}

/** Row about small requests. @param agents stacks */
function requests(id: string, title: string, agents: readonly string[], goals: Goals = {}, at = [1, 64]): HttpRow {
  return proxy(id, title, { workload: 'requests', agents }, goals, at);
}

/** Row about uploads of 16 MiB. */
function uploads(id: string, title: string, agents: readonly string[], goals: readonly Goal[] = []): HttpRow {
  return proxy(id, title, { workload: 'uploads', agents, bytesPerQuestion: 16 * 1024 ** 2 }, { 2: goals }, [2]);
}

/** Row about downloads of 16 MiB. */
function downloads(id: string, title: string, agents: readonly string[], goals: readonly Goal[] = []): HttpRow {
  return proxy(id, title, { workload: 'downloads', agents, bytesPerQuestion: 16 * 1024 ** 2 }, { 2: goals }, [2]);
}

function http2(id: string, title: string, agents: readonly string[], goals: readonly Goal[] = []): HttpRow {
  return proxy(id, title, { workload: 'http2', agents }, { 64: goals }, [64]);
}

/** Row about echoed WebSocket messages of 4 KiB. */
function webSockets(id: string, title: string, agents: readonly string[], goals: readonly Goal[] = []): HttpRow {
  return proxy(id, title, { workload: 'webSockets', agents }, { 64: goals }, [64]);
}

const over = (to: string, atLeast: number): Goal => ({ of: 'rateRatio', to, atLeast });
/** The proxy's processor time, without that of its agents: what bounds one worker. */
const proxyCpu = (to: string, atMost: number): Goal => ({ of: 'cpuRatio', end: 'client', to, atMost });

const ONE = ['uds-msgpack'];

/** Rows about whole HTTP requests; in flight are connections or streams, one request each. */
export const HTTP_ROWS: readonly HttpRow[] = [
  requests('gateway', 'gateway with one UDS agent', ONE, {
    1: [
      { of: 'rate', atLeast: 3_700 },
      { of: 'p50Difference', to: 'gateway-alone', atMost: 0.08 },
    ],
    64: [
      over('gateway-alone', 0.9),
      over('undici', 0.92),
      over('fastify', 1.2),
      over('http-proxy', 1.5),
      over('zentinel', 1.2),
      over('envoy-ext-proc', 1.3),
      proxyCpu('gateway-alone', 1.11),
      proxyCpu('undici', 1.09),
    ],
  }),
  requests(
    'gateway-one-connection',
    'the same on one connection to the agent',
    ONE,
    { 64: [over('gateway', 1)] },
    [64],
  ),
  requests(
    'gateway-two-agents',
    'two agents in a row',
    [...ONE, ...ONE],
    { 64: [proxyCpu('gateway-alone', 1.22)] },
    [64],
  ),
  requests(
    'gateway-responses',
    'one agent that judges responses too',
    ['uds-msgpack-responses'],
    {
      64: [proxyCpu('gateway-alone', 1.25)],
    },
    [64],
  ),
  requests('gateway-metrics', 'one agent, with metrics', ONE, { 64: [proxyCpu('gateway', 1.03)] }, [64]),
  requests(
    'gateway-metrics-sdk',
    'one agent, with metrics that the OpenTelemetry SDK collects every second',
    ONE,
    { 64: [proxyCpu('gateway', 1.15)] },
    [64],
  ),
  requests(
    'gateway-traced-no-sdk',
    'one agent, with a tracer and no SDK',
    ONE,
    { 64: [proxyCpu('gateway', 1.03)] },
    [64],
  ),
  requests(
    'gateway-traced',
    'one agent, every request traced by the OpenTelemetry SDK',
    ONE,
    { 64: [proxyCpu('gateway', 1.15)] },
    [64],
  ),
  requests(
    'gateway-traced-one-percent',
    'one agent, one request of a hundred traced',
    ONE,
    { 64: [proxyCpu('gateway', 1.15)] },
    [64],
  ),
  requests('gateway-alone', 'gateway without agents', []),
  requests('gateway-one-worker', 'agentwire gateway --workers 1, one agent', ONE, {}, [64]),
  requests(
    'gateway-two-workers',
    'agentwire gateway --workers 2, one agent',
    ONE,
    { 64: [proxyCpu('gateway-one-worker', 1.05)] },
    [64],
  ),
  requests('undici', 'node:http to undici, no agent', []),
  requests('fastify', 'fastify with @fastify/http-proxy, no agent', []),
  requests('http-proxy', 'http-proxy, no agent', []),
  requests('zentinel', "Zentinel with the crate's agent", []),
  requests('envoy-ext-proc', 'Envoy with an external processor in Go', []),
  requests('nginx-auth-request', 'nginx with auth_request to node:http', []),
  requests('haproxy-spoe', 'HAProxy with an SPOE agent in Node', []),
  uploads(
    'gateway-upload',
    'upload, an agent reads every chunk',
    ['uds-msgpack-chunks'],
    [over('gateway-upload-alone', 0.6), proxyCpu('gateway-upload-alone', 1.67), { of: 'rss', atMost: 400e6 }],
  ),
  uploads(
    'gateway-upload-freed',
    'the same, the agent keeps no chunk',
    ['uds-msgpack-chunks-freed'],
    [over('gateway-upload-alone', 0.6), proxyCpu('gateway-upload-alone', 1.67), { of: 'rss', atMost: 400e6 }],
  ),
  uploads(
    'gateway-upload-held',
    'upload, held until the agent has decided',
    ['uds-msgpack-chunks'],
    [over('gateway-upload-alone', 0.5), proxyCpu('gateway-upload-alone', 2)],
  ),
  uploads('gateway-upload-alone', 'upload without agents', []),
  downloads(
    'gateway-download',
    'download, an agent reads every chunk and keeps none',
    ['uds-msgpack-response-chunks'],
    [over('gateway-download-alone', 0.5), proxyCpu('gateway-download-alone', 2), { of: 'rss', atMost: 400e6 }],
  ),
  downloads('gateway-download-alone', 'download without agents', []),
  http2('gateway-http2', 'HTTP/2 to the gateway with one UDS agent', ONE),
  http2(
    'gateway-http2-alone',
    'HTTP/2 to the gateway without agents',
    [],
    [over('undici-http2', 0.9), proxyCpu('undici-http2', 1.11)],
  ),
  http2('undici-http2', 'node:http2 to undici, no agent', []),
  webSockets('gateway-frames', 'WebSockets, an agent judges every message', ['uds-msgpack-frames']),
  webSockets(
    'gateway-web-sockets',
    'WebSockets, passed through',
    [],
    [over('socket-pipe', 0.9), proxyCpu('socket-pipe', 1.11)],
  ),
  webSockets('socket-pipe', 'sockets piped, no gateway', []),
];
