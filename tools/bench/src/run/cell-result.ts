import type { LoopResult } from '@agentwire/cli/internal';

/** Result of one run of one row at one number in flight. */
export interface CellResult extends Pick<LoopResult, 'requestsPerSecond' | 'errors'> {
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Processor time a question, in microseconds, of each end. */
  readonly cpuMicroseconds: { readonly client: number; readonly server: number };
  /** Memory that the larger of the two processes held at the end, in bytes. */
  readonly rssBytes: number;
  /** Counts by `BIN_EDGES_MS`; absent where the load program gives none. */
  readonly histogram?: readonly number[] | undefined;
  /** Load of other processes meanwhile, in cores. */
  readonly others: number;
}
