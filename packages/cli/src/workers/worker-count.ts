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
