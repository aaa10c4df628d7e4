import { createServer } from 'node:http';
import { systemClock, type Logger } from '@agentwire/core';
import { type AdminReload, createAdminServer } from '@agentwire/gateway';
import { guarded, listenOn } from '@agentwire/gateway/internal';
import type { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { drainOnSignal } from '../signals.ts';
import { forkWorker } from './fork-worker.ts';
import { Workers } from './workers.ts';
import { endPage, metricsPage, readyPage, statePage, type WorkerPage } from './worker-pages.ts';

/** Settings of the primary process of a gateway with workers. */
export interface PrimarySettings {
  readonly count: number;
  readonly listen: { readonly host: string; readonly port: number };
  readonly isTls: boolean;
  readonly adminAt: { readonly host: string; readonly port: number } | undefined;
  readonly adminHosts: readonly string[];
  readonly adminToken: string | undefined;
  readonly drainTimeoutMs: number;
  readonly hangTimeoutMs: number;
  readonly logger: Logger;
  readonly tell: (event: 'listening' | 'admin', endpoint: string) => void;
  /** Checks the settings again. @throws UsageError where they are wrong, or need a restart of this process */
  readonly check: () => void;
  /** Begins to reload on a signal or a change of the file. @returns what ends that */
  readonly reloadOnChange: (again: () => Promise<void>) => () => void;
}

/** Time that a worker has to end after its drain is over, in milliseconds. */
const GRACE_MS = 10_000;

/** Longest time of a timer of Node, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Takes an address and gives it back, so that one that is taken is told once, and all workers know the port of port 0. */
async function probe(listen: PrimarySettings['listen']): Promise<string> {
  const server = createServer();
  const url = await listenOn(server, listen);
  await new Promise((resolve) => server.close(resolve));
  return url.slice('http://'.length);
}

/** Runs the primary process of a gateway with workers until a signal ends it. */
export async function servePrimary(
  settings: PrimarySettings,
  context: CommandContext,
  cleanup: Cleanup,
): Promise<void> {
  const { count, listen, isTls, adminAt, adminHosts: hosts, adminToken: token, hangTimeoutMs, logger, tell } = settings;
  // neither the channels of workers nor the clock's timers keep this process alive while all workers are being replaced
  const alive = setInterval(() => undefined, LONGEST_MS);
  cleanup.defer(() => clearInterval(alive));
  const address = await probe(listen);
  const killAfterMs = Math.min(LONGEST_MS, settings.drainTimeoutMs + GRACE_MS);
  const [{ metricsHandler }, { MergedMetrics }] = await Promise.all([
    import('@agentwire/metrics'),
    import('@agentwire/metrics/internal'),
  ]);
  const merged = new MergedMetrics({ logger });
  const workers = new Workers({
    count,
    logger,
    clock: systemClock,
    fork: () => forkWorker({ listen: [address] }, { killAfterMs, hangTimeoutMs, logger }),
    onExit: ({ last: { metrics = [] } }) => merged.end(metrics),
  });
  cleanup.defer(() => workers.drain());
  const reopen = (): void => {
    for (const worker of workers.all) worker.reopen();
  };
  process.on('SIGUSR1', reopen);
  cleanup.defer(() => process.off('SIGUSR1', reopen));
  const again = async (): Promise<void> => {
    settings.check();
    await workers.restart();
  };
  const page = (serve: WorkerPage) => guarded('a page of the admin server', logger, serve, endPage);
  const reload: AdminReload | undefined = token === undefined ? undefined : { token, run: again };
  const admin = createAdminServer({
    gateway: { stats: { active: 0, requests: 0, overloaded: 0, droppedConnections: 0, webSockets: 0, upstreams: {} } },
    pool: { stats: { agents: [] } },
    logger,
    hosts,
    handlers: {
      '/readyz': page(readyPage(workers)),
      '/debug/state': page(statePage(workers)),
      '/metrics': page(metricsPage(workers, merged, metricsHandler)),
    },
    ...(reload !== undefined && { reload }),
  });
  cleanup.defer(() => admin.close());
  const adminUrl = adminAt === undefined ? undefined : await admin.listen(adminAt);
  const drained = drainOnSignal(context.terminal, async () => {
    await workers.drain();
    await admin.close();
  });
  cleanup.defer(settings.reloadOnChange(again));
  if (!(await workers.start())) {
    // its own lines say why
    context.status = 1;
    return;
  }
  tell('listening', `${isTls ? 'https' : 'http'}://${address}`);
  if (adminUrl !== undefined) tell('admin', adminUrl);
  await drained;
}
