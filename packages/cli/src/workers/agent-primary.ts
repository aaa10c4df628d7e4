import { type Logger, parseEndpoint, systemClock } from '@agentwire/core';
import type { SocketFileOptions } from '@agentwire/transport-uds';
import type { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { line } from '../output/terminal.ts';
import { notifyServiceManager } from '../service-manager.ts';
import { drainOnSignal } from '../signals.ts';
import { forkWorker, killAfter, stayAlive, type WorkerLimits } from './fork-worker.ts';
import { LostSockets } from './lost-sockets.ts';
import { probeAddress } from './probe-address.ts';
import { SharedSockets } from './shared-sockets.ts';
import type { WorkerStart } from './worker-link.ts';
import { Workers } from './workers.ts';

/** Time that `serveAgent` drains by default, in milliseconds. */
const DRAIN_TIMEOUT_MS = 30_000;

/** Settings of the primary process of an agent with workers. */
export interface AgentPrimarySettings {
  readonly count: number;
  readonly listen: readonly string[];
  readonly hangTimeoutMs: number;
  /** Sockets of a service manager, by address. */
  readonly passed: WorkerStart['sockets'];
  readonly logger: Logger;
  /** Mode and group of the Unix sockets. */
  readonly access: SocketFileOptions;
  readonly tell: (event: 'listening', endpoint: string) => void;
  /** Prints no line about a drain. */
  readonly quiet: boolean;
}

/** Returns an endpoint with the port that was found for port 0, which all workers share. */
async function withPort(endpoint: string): Promise<string> {
  const { address, host, port } = parseEndpoint(endpoint);
  if (host === undefined || port !== 0) return address;
  const found = await probeAddress({ host, port });
  return address.replace(/:0(?=\/|$)/, found.slice(found.lastIndexOf(':')));
}

/** Runs the primary process of `agentwire agent --workers` until a signal ends it; SIGHUP replaces the workers one by one. */
export async function serveAgentPrimary(
  settings: AgentPrimarySettings,
  context: CommandContext,
  cleanup: Cleanup,
): Promise<void> {
  const { count, hangTimeoutMs, logger, access, passed, tell, quiet } = settings;
  cleanup.defer(stayAlive());
  const listen = await Promise.all(settings.listen.map(withPort));
  const sockets = new SharedSockets(listen, access);
  cleanup.defer(() => sockets.remove());
  const limits: WorkerLimits = { killAfterMs: killAfter(DRAIN_TIMEOUT_MS), hangTimeoutMs, logger };
  const lost = new LostSockets(passed.length, logger, context);
  const workers = new Workers({
    count,
    logger,
    clock: systemClock,
    fork: async () => forkWorker({ listen, sockets: [...passed, ...(await sockets.acquire())] }, limits),
    onReady: () => sockets.publish(),
    onExit: () => {
      sockets.release();
      lost.check(workers);
    },
  });
  cleanup.defer(() => workers.drain());
  // its logger has no info lines unless it is verbose
  const tellLog = (text: string): void => {
    if (!quiet) line(context.terminal.stderr, text);
  };
  const restart = (): void => {
    tellLog('SIGHUP: the workers are replaced one by one');
    workers
      .restart()
      .then(() => tellLog('all workers were replaced'))
      .catch((error: unknown) => logger.error({ err: error }, 'not all workers were replaced; the others go on'));
  };
  process.on('SIGHUP', restart);
  cleanup.defer(() => process.off('SIGHUP', restart));
  const drained = drainOnSignal(
    context.terminal,
    async () => {
      notifyServiceManager('stopping', logger);
      await workers.drain();
    },
    quiet,
    lost.promise,
  );
  if (!(await workers.start())) {
    // its own lines say why
    context.status = 1;
    return;
  }
  for (const endpoint of listen) tell('listening', endpoint);
  notifyServiceManager('ready', logger);
  await drained;
}
