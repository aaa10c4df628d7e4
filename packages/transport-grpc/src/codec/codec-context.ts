import type { ExactPings } from './reference/exact-pings.ts';

/** What a codec has to know of the connection it works for. */
export interface CodecContext {
  /** `true` for a peer that knows the numbers from 100 up. */
  readonly isAgentwire: boolean;
  /** `true` when the feature `errors` was negotiated. */
  readonly errors: boolean;
  /** Milliseconds since 1970, for fields that only the wire has. */
  readonly nowMs: () => number;
  /** Numbers of pings that have to be repeated exactly; a codec has its own. */
  readonly pings?: ExactPings;
  /** An id for a Configure that came without one. */
  readonly configureId: () => string;
}
