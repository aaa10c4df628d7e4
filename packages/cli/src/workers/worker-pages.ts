import type { IncomingMessage, ServerResponse } from 'node:http';
import type { metricsHandler } from '@agentwire/metrics';
import type { MergedMetrics } from '@agentwire/metrics/internal';
import type { WorkerCounts } from './worker-counts.ts';
import type { Worker } from './worker.ts';
import type { Workers } from './workers.ts';

/** Page about all workers. */
export type WorkerPage = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

/** Ends the answer of a page that failed. */
export function endPage(_request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else send(response, 500, 'text/plain; charset=utf-8', 'this page failed; see the log\n');
}

/** Reasons for which each worker is not ready, by worker; those that end on demand are not asked. */
async function reasons(workers: Workers): Promise<readonly string[][]> {
  const serving = workers.all.filter(({ state }) => state === 'ready');
  return Promise.all(
    serving.map(async (worker) => {
      const report = await worker.ask('report');
      const why = report === undefined ? ['does not answer'] : report.unready;
      return why.map((reason) => `worker ${worker.id}: ${reason}`);
    }),
  );
}

/**
 * `/readyz`: 200 where one worker at least is ready to serve; with `?workers=all` where as many are as were asked for. Its text
 * names what is not ready either way.
 */
export const readyPage =
  (workers: Workers): WorkerPage =>
  async ({ url = '' }, response) => {
    const why = await reasons(workers);
    const ready = why.filter((one) => one.length === 0).length;
    const lines = why.flat();
    if (why.length < workers.count) lines.push(`${why.length} of ${workers.count} workers serve`);
    if (workers.isDraining) lines.unshift('draining');
    const needed = /[?&]workers=all(?:&|$)/.test(url) ? workers.count : 1;
    const status = ready >= needed && !workers.isDraining ? 200 : 503;
    const body = [...(status === 200 ? ['ok'] : []), ...lines].join('\n');
    send(response, status, 'text/plain; charset=utf-8', `${body}\n`);
  };

async function stateOf(worker: Worker): Promise<Record<string, unknown>> {
  const report = await worker.ask('report');
  const { id, pid, state, ageMs } = worker;
  const values = report === undefined ? {} : (JSON.parse(report.state) as Record<string, unknown>);
  return { id, pid, state, ageMs: Math.round(ageMs), ...values };
}

/** `/debug/state`: state of each worker, with what a gateway without workers shows. */
export const statePage =
  (workers: Workers): WorkerPage =>
  async (_request, response) => {
    const state = { draining: workers.isDraining, workers: await Promise.all(workers.all.map(stateOf)) };
    send(response, 200, 'application/json', JSON.stringify(state, null, 2));
  };

/**
 * `/metrics`: those of all workers added up, with the counters of workers that have ended. One that does not answer counts with the
 * values that it sent last, and so does one that crashed: what it counted since then is lost.
 */
export const metricsPage =
  (
    {
      workers,
      merged,
      counts,
    }: { readonly workers: Workers; readonly merged: MergedMetrics; readonly counts: WorkerCounts },
    handler: typeof metricsHandler,
  ): WorkerPage =>
  async (request, response) => {
    await Promise.all(workers.all.map((worker) => worker.ask('metrics')));
    // each worker once: one that has ended meanwhile is among the ended
    const ofWorkers = workers.all.map(({ last: { metrics = [] } }) => metrics);
    const families = merged.families([counts.read(workers.all), ...ofWorkers]);
    handler({ families: () => families })(request, response);
  };
