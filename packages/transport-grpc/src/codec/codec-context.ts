import type { ExactPings } from './reference/exact-pings.ts';

/** Facts about a connection that its codec needs. */
export interface CodecContext {
  /** `true` for a peer that knows the numbers from 100 up. */
  readonly isAgentwire: boolean;
  /** `true` when the feature `errors` was negotiated. */
  readonly errors: boolean;
  /** Milliseconds since 1970, for fields that only the wire has. */
  readonly nowMs: () => number;
  /** Numbers of pings that a pong must repeat exactly; one per codec. */
  readonly pings?: ExactPings;
  /** Returns an id for a Configure that came without one. */
  readonly configureId: () => string;
}
