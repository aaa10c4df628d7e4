import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  activeTraceId,
  MetricsCollector,
  metricsHandler,
  observeEventLoop,
  observeGateway,
  observePool,
} from '@agentwire/metrics';
import { AgentPool, allow, block, defineAgent, serveAgent } from 'agentwire';
import { createAdminServer, createGateway } from 'agentwire/gateway';
import { checkAlerts, dashboardQueries, hasPrometheus, startPrometheus } from './checks.ts';
import { drawTrace, type ReceivedSpan, receiveOtlp } from './otlp-receiver.ts';
import { traceTo } from './tracing.ts';

function ok(what: string): void {
  console.log(`ok ${what}`);
}

async function serve(listener: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** Waits until `check` gives a value, for 30 s at most. */
async function until<T>(what: string, check: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(100);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'agentwire-observability-'));
const receiver = await receiveOtlp();
const service = await serve((request, response) =>
  response.end(request.url?.includes('evil') === true ? 'bad' : 'good'),
);
const upstream = await serve((request, response) => request.resume().on('end', () => response.end('hello')));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const child = fork(
  fileURLToPath(new URL('agent.ts', import.meta.url)),
  [`unix:${join(folder, 'agent.sock')}`, service.url, receiver.url],
  { execArgv: process.execArgv },
);
const [endpoint] = (await once(child, 'message')) as [string];

const { tracer, end } = traceTo(receiver.url, 'gateway');
const metrics = new MetricsCollector({ traceId: activeTraceId });
const pool = new AgentPool({ metrics, tracer, logger: quiet, adaptiveConcurrency: {}, decisionCache: {} });
await pool.addAgent('reputation', endpoint);
// rules to come: asked and counted, never obeyed
const candidate = await serveAgent(
  defineAgent({
    name: 'candidate',
    version: '2.0.0',
    onRequestHeaders: ({ uri }) => (uri === '/page' ? block(403) : allow()),
  }),
  { listen: ['memory:candidate'], logger: quiet },
);
await pool.addAgent('candidate', 'memory:candidate');
const gateway = createGateway({
  pool,
  upstream: upstream.url,
  agents: ['reputation', 'candidate'],
  agentSettings: { reputation: { budgetMs: 5_000 }, candidate: { mode: 'observe' } },
  metrics,
  tracer,
  logger: quiet,
});
const url = await gateway.listen();
const unobserve = [observePool(metrics, pool), observeGateway(metrics, gateway), observeEventLoop(metrics)];
const admin = createAdminServer({ gateway, pool, handlers: { '/metrics': metricsHandler(metrics) } });
const adminUrl = await admin.listen({});

// a gateway of two worker processes, for the dashboard's panel about those
const bin = fileURLToPath(new URL('../node_modules/agentwire/bin/agentwire.js', import.meta.url));
const withWorkers = spawn(
  process.execPath,
  [bin, 'gateway', '--workers', '2', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--upstream', upstream.url],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);
const workersEnded = once(withWorkers, 'exit');
const workersUrl = (async () => {
  for await (const line of createInterface({ input: withWorkers.stdout }))
    if (line.startsWith('admin ')) return line.slice('admin '.length);
  throw new Error('the gateway with workers did not start');
})();

const load = new AbortController();
const loading = (async () => {
  for (let at = 0; !load.signal.aborted; at++) {
    const path = at % 10 === 0 ? '/evil' : at % 25 === 1 ? '/broken' : '/page';
    await (await fetch(`${url}${path}`, { method: 'POST', body: 'some bytes' })).arrayBuffer();
    await (await fetch(`${url}/static`)).arrayBuffer();
    await sleep(5);
  }
})();
let failed = false;
try {
  const trace = await until('a whole trace at the OTLP receiver', () => {
    const traces = Map.groupBy(receiver.spans, ({ traceId }) => traceId);
    return [...traces.values()].find((spans: ReceivedSpan[]) => {
      // that of the client that makes the load, and that of the upstream
      if (spans.filter(({ name, kind }) => name === 'POST' && kind === 3).length < 2) return false;
      const seen = new Set(spans.map((span) => `${span.service} ${span.kind} ${span.name}`));
      return [
        'gateway 2 POST',
        'gateway 3 POST',
        'gateway 3 reputation/requestHeaders',
        'reputation-agent 2 reputation/requestHeaders',
        'reputation-agent 3 GET',
      ].every((one) => seen.has(one));
    });
  });
  ok('one trace over OTLP: gateway, agent in another process, what its handler fetches, upstream');
  console.log(drawTrace(trace).replaceAll(/^/gm, '   '));

  const page = await until('metrics that the agent reports', async () => {
    const text = await (await fetch(`${adminUrl}/metrics`)).text();
    return /^reputation_lookups_total\{verdict="bad",agent="reputation"\} [1-9]/m.test(text) ? text : undefined;
  });
  ok(
    `/metrics with ${page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length} samples, those of the agent among them`,
  );
  const open = await (
    await fetch(`${adminUrl}/metrics`, { headers: { accept: 'application/openmetrics-text' } })
  ).text();
  if (!/^gateway_request_duration_seconds_bucket.* # \{trace_id="[0-9a-f]{32}"\}/m.test(open))
    throw new Error('no exemplar');
  ok('exemplars with trace ids in OpenMetrics');

  if (hasPrometheus) {
    ok(`promtool accepts the alerts, and its tests fire all of them: ${checkAlerts().join(', ')}`);
    const prometheus = await startPrometheus(
      folder,
      [adminUrl, await workersUrl].map((one) => new URL(one).host),
    );
    try {
      const queries = dashboardQueries();
      for (const { panel, query } of queries)
        await until(`an answer to ${panel}: ${query}`, async () =>
          (await prometheus.query(query)) > 0 ? true : undefined,
        );
      ok(`Prometheus answers all ${queries.length} queries of the dashboard`);
    } finally {
      await prometheus.stop();
    }
  } else console.log('skipped: alerts and dashboard, because prometheus and promtool are not installed');
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  load.abort();
  await loading;
  for (const one of unobserve) one();
  await admin.close();
  await gateway.close();
  await pool.close();
  await candidate.close();
  withWorkers.kill('SIGTERM');
  await workersEnded;
  child.send('end');
  await once(child, 'exit');
  await end();
  for (const one of [receiver, service, upstream]) one.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
