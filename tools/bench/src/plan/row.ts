/** One end of a row: a stack of `src/stacks`, or a program of the Rust crate. */
export type End =
  | { readonly by: 'node'; readonly stack: string }
  | { readonly by: 'crate'; readonly variant: 'json' | 'msgpack'; readonly medium: 'uds' | 'grpc' };

/** Goal of one figure of a row. */
export type Goal =
  | { readonly of: 'rate' | 'gigabytes'; readonly atLeast: number }
  /** Against another row at the same number in flight (or at `inFlight`): rate over rate, or CPU over CPU. */
  | { readonly of: 'rateRatio'; readonly to: string; readonly inFlight?: number; readonly atLeast: number }
  /** `end` counts one end only; default both. */
  | { readonly of: 'cpuRatio'; readonly end?: 'client' | 'server'; readonly to: string; readonly atMost: number }
  | { readonly of: 'p50' | 'p99'; readonly atMost: number }
  /** Milliseconds of p50 on top of another row's. */
  | { readonly of: 'p50Difference'; readonly to: string; readonly atMost: number }
  | { readonly of: 'rss'; readonly atMost: number };

/** One cell of the plan: how many are in flight, and what is to be reached there. */
export interface Load {
  readonly inFlight: number;
  readonly goals: readonly Goal[];
}

/** Row of the bench: two ends, and the numbers of requests in flight between them. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly group: 'agentwire' | 'yardstick' | 'crate' | 'mixed' | 'http';
  readonly place: 'uds' | 'tcp' | 'memory';
  readonly server: End;
  readonly client: End;
  readonly loads: readonly Load[];
  /** Bytes that one question carries, where the row is about bytes and not about questions. */
  readonly bytesPerQuestion?: number;
}
