import type { Clock, Logger, Peer } from '@agentwire/core';
import type { IncomingRequest, IncomingResponse } from './incoming.ts';

/** What a handler gets besides the event. */
export interface HandlerContext<State = unknown> {
  /**
   * Aborted by cancel, by the proxy's disconnect, by the deadline, and by the end of a drain. Made on first use. What a
   * listener of it throws is logged and ends nothing; a signal that `AbortSignal.any` makes of it is a plain one.
   */
  readonly signal: AbortSignal;
  /** When this event must be answered, in milliseconds since 1970-01-01 UTC. Past it the agent answers `ERR_TIMEOUT`. */
  readonly deadline: number;
  /**
   * The proxy's id for the request, the same over every transport; unique with our gateway. Where the proxy has none it is
   * the correlation id, which a client may have chosen: neither secret nor unique.
   */
  readonly requestId: string;
  /** W3C trace context of the request, where the proxy traces. */
  readonly traceparent: string | undefined;
  readonly logger: Logger;
  /** Time, as the agent was served with: wait with `delay(context.clock, ms, context.signal)` of `@agentwire/core`. */
  readonly clock: Clock;
  /** The proxy that asks, and what was agreed with it. */
  readonly peer: Peer;
  /**
   * The request that the event belongs to; `undefined` where it is not known, see {@link HandlerContext.ambiguous}. It is
   * the same request for every event, but not always the same object: keep what belongs to it in `state`.
   */
  readonly request: IncomingRequest | undefined;
  /** The response, once its headers have come. */
  readonly response: IncomingResponse | undefined;
  /**
   * Whether several live requests have the id of this event, so that it cannot be told which one it belongs to. Happens
   * only in the zentinel dialect, where clients choose ids.
   */
  readonly ambiguous: boolean;
  /** Whatever the handlers of one request want to hand on to later ones. Lost where the request is not known. */
  state: State | undefined;
}
