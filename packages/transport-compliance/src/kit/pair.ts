import type { Hello, Listener } from '@agentwire/core';
import type { Side } from './side.ts';

/** Two ends of one connection, named by role and by who dialled. */
export interface Pair {
  readonly listener: Listener;
  readonly proxy: Side;
  readonly agent: Side;
  readonly dialled: Side;
  readonly accepted: Side;
}

/** Options of `Kit.pair`. */
export interface PairOptions {
  readonly proxy?: Partial<Hello>;
  readonly agent?: Partial<Hello>;
  /** The agent dials. */
  readonly reverse?: boolean;
}
