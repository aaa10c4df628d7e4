import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { type Logger, systemClock } from '@agentwire/core';
import { closeUntaken } from './close-untaken.ts';
import { beatIntervalMs } from './hang-watch.ts';
import { Worker } from './worker.ts';
import { WORKER_VARIABLE, type WorkerStart } from './worker-link.ts';

/** The program of this package, which is beside `src` and `dist`. */
const BIN = fileURLToPath(new URL('../../bin/agentwire.js', import.meta.url));

/** Time until a worker that does not become ready is killed, in milliseconds. */
const START_TIMEOUT_MS = 60_000;

/** Settings of all workers of a command. */
export interface WorkerLimits {
  /** Time that a worker has to end after it was asked to, in milliseconds. */
  readonly killAfterMs: number;
  /** Time without a message after which a worker counts as hanging, in milliseconds; 0: never. */
  readonly hangTimeoutMs: number;
  readonly logger: Logger;
}

/**
 * Starts this command line again as a worker. The primary process accepts connections and gives them to the workers in turn:
 * without that most connections would go to few of them.
 */
export function forkWorker(start: Omit<WorkerStart, 'beatIntervalMs'>, limits: WorkerLimits): Worker {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  // values that JSON has not, such as the bound Infinity of a histogram
  cluster.setupPrimary({ exec: BIN, args: process.argv.slice(2), serialization: 'advanced' });
  const { hangTimeoutMs } = limits;
  const started: WorkerStart = { ...start, beatIntervalMs: hangTimeoutMs === 0 ? 0 : beatIntervalMs(hangTimeoutMs) };
  const worker = cluster.fork({ [WORKER_VARIABLE]: JSON.stringify(started) });
  closeUntaken(worker.process);
  return new Worker(worker, { clock: systemClock, startTimeoutMs: START_TIMEOUT_MS, ...limits });
}
