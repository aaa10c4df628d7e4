import type { Dialect } from '@agentwire/core';

/** How a message looks on one connection; every mapping depends on nothing else. */
export interface WireFormat {
  readonly dialect: Dialect;
  readonly encoding: 'json' | 'msgpack';
  /** Whether a decision may carry an `error`; otherwise it is written as a block. */
  readonly errors: boolean;
}
