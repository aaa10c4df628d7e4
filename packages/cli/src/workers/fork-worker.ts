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

/** Time that a worker has to end after its drain is over, in milliseconds. */
const GRACE_MS = 10_000;

/** Longest time of a timer of Node, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Returns the time after which a worker that drains is killed, in milliseconds. */
export function killAfter(drainTimeoutMs: number): number {
  return Math.min(LONGEST_MS, drainTimeoutMs + GRACE_MS);
}

/**
 * Keeps this process alive: neither the channels of workers nor the clock's timers do while all workers are being replaced.
 *
 * @returns a function that ends it
 */
export function stayAlive(): () => void {
  const alive = setInterval(() => undefined, LONGEST_MS);
  return () => clearInterval(alive);
}

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
