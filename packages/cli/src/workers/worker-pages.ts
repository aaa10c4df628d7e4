import type { IncomingMessage } from 'node:http';
import type { Worker } from './worker.ts';
import type { Workers } from './workers.ts';

/** Page about all workers. */
export type WorkerPage = (
  workers: Workers,
  request: IncomingMessage,
) => Promise<{ readonly status: number; readonly type: string; readonly body: string }>;

/** Reasons for which each worker is not ready, by worker; those that end on demand are not asked. */
async function reasons(workers: Workers): Promise<readonly string[][]> {
  const serving = workers.all.filter(({ state }) => state === 'ready');
  return Promise.all(
    serving.map(async (worker) => {
      const report = await worker.report();
      const why = report === undefined ? ['does not answer'] : report.unready;
      return why.map((reason) => `worker ${worker.id}: ${reason}`);
    }),
  );
}

/**
 * `/readyz`: 200 where one worker at least is ready to serve; with `?workers=all` where as many are as were asked for. Its text
 * names what is not ready either way.
 */
export const readyPage: WorkerPage = async (workers, { url = '' }) => {
  const why = await reasons(workers);
  const ready = why.filter((one) => one.length === 0).length;
  const lines = why.flat();
  if (why.length < workers.count) lines.push(`${why.length} of ${workers.count} workers serve`);
  if (workers.isDraining) lines.unshift('draining');
  const needed = /[?&]workers=all(?:&|$)/.test(url) ? workers.count : 1;
  const status = ready >= needed && !workers.isDraining ? 200 : 503;
  return {
    status,
    type: 'text/plain; charset=utf-8',
    body: `${['ok']
      .slice(status - 200)
      .concat(lines)
      .join('\n')}\n`,
  };
};

async function stateOf(worker: Worker): Promise<Record<string, unknown>> {
  const report = await worker.report();
  const { id, pid, state, ageMs } = worker;
  const values = report === undefined ? {} : (JSON.parse(report.state) as Record<string, unknown>);
  return { id, pid, state, ageMs: Math.round(ageMs), ...values };
}

/** `/debug/state`: state of each worker, with what a gateway without workers shows. */
export const statePage: WorkerPage = async (workers) => {
  const state = { draining: workers.isDraining, workers: await Promise.all(workers.all.map(stateOf)) };
  return { status: 200, type: 'application/json', body: JSON.stringify(state, null, 2) };
};
