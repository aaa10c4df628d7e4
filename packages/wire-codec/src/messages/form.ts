import type { Dialect } from '@agentwire/core';

/** How a message looks on one connection; every mapping depends on nothing else. */
export interface Form {
  readonly dialect: Dialect;
  readonly encoding: 'json' | 'msgpack';
  /** Whether a decision may carry an `error`; otherwise it is written as a block. */
  readonly errors: boolean;
}

/** A number that MessagePack must write as a float of this many bits, even where it is a whole number. */
export class WireFloat {
  readonly value: number;
  readonly bits: 32 | 64;

  constructor(value: number, bits: 32 | 64) {
    this.value = value;
    this.bits = bits;
  }
}
