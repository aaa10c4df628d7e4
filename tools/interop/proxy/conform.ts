import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { checkProxy, type CheckResult, listChecks } from '@agentwire/conform';
import type { Medium } from './configuration.ts';
import { freePort, ReleasedProxy } from './released-proxy.ts';

const FORMS = { uds: 'zentinel', grpc: 'grpc' } as const;

/** Everything that a configuration of the proxy can name, but `response_body`: with it most requests would fail over UDS. */
const EVENTS = ['request_headers', 'request_body', 'response_headers', 'log', 'websocket_frame', 'guardrail'];
const ALL_EVENTS = [...EVENTS, 'response_body'];
/** The check that is about response bodies. */
const WITH_ALL = 'proxy-response-body';

/** Long enough for the proxy's circuit breaker, which lets nothing through for 2 s, and for what it does after it. */
const TIMEOUT_MS = 4_000;

async function checkOne(id: string, medium: Medium, upstreamPort: number): Promise<CheckResult[]> {
  const folder = mkdtempSync(`${tmpdir()}/aw-conform-`);
  const port = await freePort();
  const agentAt = medium === 'uds' ? `${folder}/agent.sock` : `127.0.0.1:${await freePort()}`;
  const proxy = new ReleasedProxy(folder, {
    port,
    upstreamPort,
    medium,
    agentAt,
    events: id === WITH_ALL ? ALL_EVENTS : EVENTS,
  });
  let started: Promise<void> | undefined;
  try {
    const endpoint = medium === 'uds' ? `unix:${agentAt}` : `grpc://${agentAt}`;
    const { results } = await checkProxy(endpoint, {
      ...(medium === 'uds' && { dialect: 'zentinel' }),
      timeoutMs: TIMEOUT_MS,
      waitMs: 20_000,
      url: `http://127.0.0.1:${port}`,
      only: [id],
      onListening: () => void (started = proxy.start()),
    });
    await started;
    const { ended } = proxy;
    return ended === undefined
      ? [...results]
      : results.map((result) => ({ ...result, outcome: 'fail', reason: `it ended: ${ended}` }));
  } finally {
    await started?.catch(() => undefined);
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function listeningUpstream(): Promise<Server> {
  const upstream = createServer((incoming, answer) => {
    incoming.resume();
    incoming.on('end', () => answer.writeHead(200, { 'content-type': 'text/plain' }).end('from the upstream'));
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  return upstream;
}

/** Puts the released proxy through every check that is for its form, each time as a process of its own. */
export async function conform(
  medium: Medium,
  onResult: (result: CheckResult) => void,
  only?: ReadonlySet<string>,
): Promise<CheckResult[]> {
  const upstream = await listeningUpstream();
  try {
    const all: CheckResult[] = [];
    for (const { id, forms, side } of listChecks()) {
      if (side !== 'proxy' || !forms.includes(FORMS[medium]) || only?.has(id) === false) continue;
      const results = await checkOne(id, medium, (upstream.address() as AddressInfo).port);
      results.forEach(onResult);
      all.push(...results);
    }
    return all;
  } finally {
    upstream.close();
    upstream.closeAllConnections();
  }
}
