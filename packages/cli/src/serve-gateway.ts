import { silentLogger } from '@agentwire/core/internal';
import { createAdminServer, createGateway, openRecording } from '@agentwire/gateway';
import { unconnected } from '@agentwire/gateway/internal';
import { AgentPool } from '@agentwire/pool';
import type { Cleanup } from './cleanup.ts';
import type { CommandContext } from './command-context.ts';
import { openGatewayAccessLog } from './gateway-access-log.ts';
import { readGatewayFiles, refuseChanges } from './gateway-files.ts';
import { GatewayReload } from './gateway-reload.ts';
import { GatewayTransports } from './gateway-transports.ts';
import { createConsoleLogger } from './output/log.ts';
import { jsonLine, line } from './output/terminal.ts';
import { listenAdmin } from './listen-admin.ts';
import { measure } from './measure.ts';
import { loggedReload, reloadOnChange } from './reload-on-change.ts';
import { traceToOtlp } from './otlp.ts';
import { NamedFiles } from './named-files.ts';
import { acceptReverseAgents } from './reverse-agents.ts';
import { listenPlace, notifyServiceManager, usePassedSockets } from './service-manager.ts';
import { drainOnSignal, outliveHangup } from './signals.ts';
import { type PrimarySettings, servePrimary } from './workers/gateway-primary.ts';
import { openWorkerLink } from './workers/worker-link.ts';
import { WatchedFiles } from './watch/watched-files.ts';
import { loadTransports } from './load-transports.ts';
import { hangTimeoutMs, workerCount } from './workers/worker-flags.ts';
import { GATEWAY_EXAMPLE as EXAMPLE, adminPlace, type GatewayFlags, hostPort } from './commands/gateway-flags.ts';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { gatewaySettings } from './commands/read-gateway-settings.ts';

/** Keys whose change needs a restart of the primary process; for all others the workers are replaced. */
const FIXED_WITH_WORKERS = ['listen', 'workers', 'admin', 'adminHosts', 'adminTokenFile'] as const;

/** Runs `agentwire gateway` until a signal ends it; with workers, as their primary process or as one of them. */
export async function serveGateway(flags: GatewayFlags, context: CommandContext, cleanup: Cleanup): Promise<void> {
  const { stdout } = context.terminal;
  const link = openWorkerLink();
  const logger = createConsoleLogger(context.terminal, flags.verbose, flags.json, true, link?.logFields);
  // of a worker, it is the primary process that watches
  const watches = flags.watch === true && flags.config !== undefined && link === undefined;
  const watched = watches ? new WatchedFiles() : undefined;
  cleanup.defer(() => watched?.close());
  const read = (): GatewaySettings =>
    gatewaySettings(flags, silentLogger, new NamedFiles((path) => watched?.add(path), true));
  const files = new NamedFiles((path) => watched?.add(path));
  const chosen = gatewaySettings(flags, link === undefined ? logger : silentLogger, files);
  const { agents, adminHosts: hosts = [] } = chosen;
  const listen = hostPort('--listen', link?.start.listen[0] ?? chosen.listen ?? '127.0.0.1:8080');
  const adminAt = chosen.admin === undefined ? undefined : adminPlace(chosen.admin);
  const tell = (event: 'listening' | 'admin', endpoint: string): void => {
    if (flags.json) jsonLine(stdout, { event, endpoint });
    else line(stdout, `${event} ${endpoint}`);
  };
  const places = [listen, adminAt, chosen.reverseListen === undefined ? undefined : listenPlace(chosen.reverseListen)];
  const passed = link === undefined ? usePassedSockets(places, EXAMPLE) : [];
  if (chosen.workers !== undefined && link === undefined) {
    const primary: PrimarySettings = {
      count: workerCount(chosen.workers, EXAMPLE),
      listen,
      isTls: chosen.https !== undefined,
      adminAt,
      adminHosts: hosts,
      adminToken: readGatewayFiles(chosen, EXAMPLE).admin,
      drainTimeoutMs: chosen.gateway?.drainTimeoutMs ?? 30_000,
      passed,
      hangTimeoutMs: hangTimeoutMs(flags.workerTimeoutMs, EXAMPLE),
      logger,
      tell,
      check: () => {
        const settings = read();
        refuseChanges(FIXED_WITH_WORKERS, chosen, settings, EXAMPLE);
        return readGatewayFiles(settings, EXAMPLE).admin;
      },
      reloadOnChange: (again) => reloadOnChange(watched, again, logger),
    };
    return servePrimary(primary, context, cleanup);
  }
  const stock = new GatewayTransports(chosen, { logger, example: EXAMPLE });
  const named = chosen.nameOfTransport;
  const transports = await loadTransports(chosen.transports ?? [], stock.all, { named, logger, example: EXAMPLE });
  // the metrics are read at the admin address, so without one nothing is measured
  const measures = adminAt === undefined ? undefined : await measure();
  const traces = await traceToOtlp(flags.otlp, 'agentwire-gateway', { logger, example: EXAMPLE });
  cleanup.defer(() => traces?.end());
  const tracer = traces?.tracer;
  const pool = new AgentPool({ transports, logger, metrics: measures?.collector, tracer, ...chosen.pool });
  cleanup.defer(() => pool.close());
  const access = await openGatewayAccessLog(chosen.accessLog, {
    terminal: context.terminal,
    logger,
    json: flags.json === true,
  });
  cleanup.defer(() => access.close());
  const record = chosen.record && (await openRecording({ ...chosen.record, logger }));
  cleanup.defer(() => record?.close());
  const reopen = (): void => {
    void access.reopen();
    void record?.reopen();
  };
  link?.onReopen(reopen);
  process.on('SIGUSR1', reopen);
  cleanup.defer(() => process.off('SIGUSR1', reopen));
  const reload = new GatewayReload(chosen, {
    pool,
    transports: stock,
    logger,
    example: EXAMPLE,
    metrics: measures?.collector,
    tracer,
    onRequestEnd: access.log,
    record,
    // its warnings were given at the start
    read,
  });
  const options = await reload.start();
  const ids = new Set(agents.flatMap(({ name, endpoint }) => (endpoint === 'reverse' ? [name] : [])));
  const { reverseListen, tlsFlags } = chosen;
  const reverse =
    reverseListen === undefined
      ? undefined
      : await acceptReverseAgents(pool, transports, reverseListen, {
          ids,
          logger,
          token: () => reload.secrets.registration,
          clientCertificates: tlsFlags.tlsCa !== undefined,
        });
  cleanup.defer(() => reverse?.close());
  const gateway = createGateway(options);
  cleanup.defer(() => gateway.close());
  const { https: tls, h2c, proxyProtocol } = chosen;
  const url = await gateway.listen({ ...listen, tls, h2c, proxyProtocol });
  const unobserve = measures?.observe(pool, gateway);
  cleanup.defer(() => unobserve?.());
  const again = loggedReload(() => reload.reload(gateway), logger);
  const admin = createAdminServer({
    gateway,
    pool,
    logger,
    hosts,
    handlers: measures?.handlers ?? {},
    reload: { token: () => reload.secrets.admin, run: again },
  });
  cleanup.defer(() => admin.close());
  // of a worker, it is the primary process that has the admin server
  const adminUrl = adminAt === undefined || link !== undefined ? undefined : await listenAdmin(admin, adminAt, cleanup);
  // installs signal handlers before it prints the line: its reader may send a signal at once
  const drain = async (): Promise<void> => {
    if (link === undefined) notifyServiceManager('stopping', logger);
    admin.startDraining();
    await reverse?.close();
    await gateway.drain();
    await admin.close();
    await pool.drain();
  };
  const drained = drainOnSignal(context.terminal, drain, link !== undefined, link?.asked);
  if (link !== undefined) {
    link.ready({
      report: () => ({
        state: JSON.stringify({ gateway: gateway.stats, pool: pool.stats }),
        unready: unconnected(pool.stats),
      }),
      metrics: () => measures?.ofProcess() ?? [],
    });
    await drained;
    return link.end();
  }
  const advice = 'flags are read at the start only: a gateway with --config FILE reads that file again';
  cleanup.defer(flags.config === undefined ? outliveHangup(logger, advice) : reloadOnChange(watched, again, logger));
  tell('listening', url);
  if (reverse !== undefined) tell('listening', reverse.address);
  if (adminUrl !== undefined) tell('admin', adminUrl);
  notifyServiceManager('ready', logger);
  await drained;
}
