import type { Dialect } from '@agentwire/core';

/** Format of the messages of one connection; mappings depend on nothing else. */
export interface WireFormat {
  readonly dialect: Dialect;
  readonly encoding: 'json' | 'msgpack';
  /** Set if a decision may carry an `error`; otherwise it is written as a block. */
  readonly errors: boolean;
}
