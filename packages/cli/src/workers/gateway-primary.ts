import { systemClock, type Logger } from '@agentwire/core';
import { createAdminServer } from '@agentwire/gateway';
import { guarded } from '@agentwire/gateway/internal';
import type { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import type { AdminPlace } from '../commands/gateway-flags.ts';
import { listenAdmin } from '../listen-admin.ts';
import { loggedReload } from '../reload-on-change.ts';
import { notifyServiceManager } from '../service-manager.ts';
import { drainOnSignal } from '../signals.ts';
import { forkWorker, killAfter, stayAlive } from './fork-worker.ts';
import { LostSockets } from './lost-sockets.ts';
import { probeAddress } from './probe-address.ts';
import type { WorkerStart } from './worker-link.ts';
import { Workers } from './workers.ts';
import { endPage, metricsPage, readyPage, statePage, type WorkerPage } from './worker-pages.ts';

/** Settings of the primary process of a gateway with workers. */
export interface PrimarySettings {
  readonly count: number;
  readonly listen: { readonly host: string; readonly port: number };
  readonly isTls: boolean;
  readonly adminAt: AdminPlace | undefined;
  readonly adminHosts: readonly string[];
  readonly adminToken: string | undefined;
  readonly drainTimeoutMs: number;
  readonly hangTimeoutMs: number;
  /** Sockets of a service manager, by address. */
  readonly passed: WorkerStart['sockets'];
  readonly logger: Logger;
  readonly tell: (event: 'listening' | 'admin', endpoint: string) => void;
  /** Checks the settings again. @returns the token of the admin server. @throws UsageError where they are wrong, or need a restart of this process */
  readonly check: () => string | undefined;
  /** Begins to reload on a signal or a change of the file. @returns what ends that */
  readonly reloadOnChange: (again: () => Promise<void>) => () => void;
}

/** Runs the primary process of a gateway with workers until a signal ends it. */
export async function servePrimary(
  settings: PrimarySettings,
  context: CommandContext,
  cleanup: Cleanup,
): Promise<void> {
  const { count, listen, isTls, adminAt, adminHosts: hosts, hangTimeoutMs, passed, logger, tell } = settings;
  cleanup.defer(stayAlive());
  const address = await probeAddress(listen);
  const killAfterMs = killAfter(settings.drainTimeoutMs);
  const [{ MetricsCollector, metricsHandler }, { MergedMetrics }, { WorkerCounts }] = await Promise.all([
    import('@agentwire/metrics'),
    import('@agentwire/metrics/internal'),
    import('./worker-counts.ts'),
  ]);
  const counts = new WorkerCounts(new MetricsCollector());
  const merged = new MergedMetrics({ logger });
  const lost = new LostSockets(passed.length, logger, context);
  const workers = new Workers({
    count,
    logger,
    clock: systemClock,
    fork: () => forkWorker({ listen: [address], sockets: passed }, { killAfterMs, hangTimeoutMs, logger }),
    onFailure: (worker) => counts.failed(worker),
    onExit: ({ last: { metrics = [] } }) => {
      merged.end(metrics);
      lost.check(workers);
    },
  });
  cleanup.defer(() => workers.drain());
  const reopen = (): void => {
    for (const worker of workers.all) worker.reopen();
  };
  process.on('SIGUSR1', reopen);
  cleanup.defer(() => process.off('SIGUSR1', reopen));
  let token = settings.adminToken;
  const again = loggedReload(async () => {
    const next = settings.check();
    await workers.restart();
    token = next;
  }, logger);
  const page = (serve: WorkerPage) => guarded('a page of the admin server', logger, serve, endPage);
  const admin = createAdminServer({
    gateway: {
      stats: {
        active: 0,
        requests: 0,
        overloaded: 0,
        droppedConnections: 0,
        webSockets: 0,
        upstreamUsage: { busy: 0, idle: 0, queued: 0 },
        upstreams: {},
      },
    },
    pool: { stats: { agents: [] } },
    logger,
    hosts,
    handlers: {
      '/readyz': page(readyPage(workers)),
      '/debug/state': page(statePage(workers)),
      '/metrics': page(metricsPage({ workers, merged, counts }, metricsHandler)),
    },
    reload: { token: () => token, run: again },
  });
  cleanup.defer(() => admin.close());
  const adminUrl = adminAt === undefined ? undefined : await listenAdmin(admin, adminAt, cleanup);
  const drain = async (): Promise<void> => {
    notifyServiceManager('stopping', logger);
    await workers.drain();
    await admin.close();
  };
  const drained = drainOnSignal(context.terminal, drain, false, lost.promise);
  cleanup.defer(settings.reloadOnChange(again));
  if (!(await workers.start())) {
    // its own lines say why
    context.status = 1;
    return;
  }
  tell('listening', `${isTls ? 'https' : 'http'}://${address}`);
  if (adminUrl !== undefined) tell('admin', adminUrl);
  notifyServiceManager('ready', logger);
  await drained;
}
