import type { LoopResult } from '@agentwire/cli/internal';

/** What one run of one row at one number in flight gave. */
export interface CellResult extends Pick<LoopResult, 'requestsPerSecond' | 'errors'> {
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Processor time a question, in microseconds, of each end. */
  readonly cpuMicroseconds: { readonly client: number; readonly server: number };
  /** Memory that the larger of the two processes held at the end, in bytes. */
  readonly rssBytes: number;
  /** Counts by `BIN_EDGES_MS`; absent where the load program gives none. */
  readonly histogram?: readonly number[] | undefined;
  /** What other processes took of one core meanwhile, as a share. */
  readonly foreign: number;
}
