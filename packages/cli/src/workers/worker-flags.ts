import { availableParallelism } from 'node:os';
import { UsageError } from '../usage-error.ts';

/** Most workers of one command. */
const MAX_WORKERS = 256;

/** Reads `--workers`: a number from 1 to 256, or `auto` for one per available core. @throws UsageError */
export function workerCount(word: string | number, example: string): number {
  if (word === 'auto') return Math.min(MAX_WORKERS, availableParallelism());
  const count = /^\d{1,3}$/.test(String(word)) ? Number(word) : 0;
  if (count >= 1 && count <= MAX_WORKERS) return count;
  throw new UsageError(
    `--workers takes a number from 1 to ${MAX_WORKERS}, or auto for one per core, got ${JSON.stringify(word)}`,
    `${example} --workers auto`,
  );
}

/** Flag of the time after which a worker counts as hanging: its words, and its line of the help. */
export const WORKER_TIMEOUT = [
  '--worker-timeout-ms <n>',
  'time without a sign of life after which a worker is killed and replaced, its event loop blocked; default 30000, 0: never',
] as const;

/** Reads {@link WORKER_TIMEOUT}: 0, or 100 to 3 600 000 ms; default 30 000. @throws UsageError */
export function hangTimeoutMs(word: string | undefined, example: string): number {
  const ms = /^\d{1,7}$/.test(word ?? '30000') ? Number(word ?? 30_000) : -1;
  if (ms === 0 || (ms >= 100 && ms <= 3_600_000)) return ms;
  throw new UsageError(
    `--worker-timeout-ms takes a time from 100 to 3600000 in milliseconds, or 0 for none, got ${JSON.stringify(word)}`,
    `${example} --workers 2 --worker-timeout-ms 30000`,
  );
}
