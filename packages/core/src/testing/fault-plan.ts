import type { Clock } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import type { AgentwireError } from '../errors.ts';
import type { Received } from '../message/message.ts';

/** Fault of one message on its way to its receiver. */
export type Fault =
  /** It never arrives. */
  | { readonly do: 'drop' }
  /** It arrives twice. */
  | { readonly do: 'duplicate' }
  /**
   * It arrives `ms` later by the plan's clock, and later messages of its request behind it; other requests overtake it.
   */
  | { readonly do: 'delay'; readonly ms: number }
  /** It arrives as a `Malformed` of its type; without its id if `loseId` says so. */
  | { readonly do: 'malform'; readonly loseId?: boolean }
  /** It never arrives, and the connection is aborted at the receiver. */
  | { readonly do: 'cut' };

/** Position of a message for {@link FaultPlan}. */
export interface FaultPlace {
  /** The receiving end. */
  readonly connection: Connection;
  /** Side of that end. */
  readonly end: 'dialled' | 'accepted';
  /** Number of messages that this end has received before. */
  readonly index: number;
}

/** Plan of faults. */
export interface FaultPlan {
  /** Time for delays. */
  readonly clock: Clock;
  /** Called for every message; returns its fault, or `undefined` for none. */
  message?(message: Received, place: FaultPlace): Fault | undefined;
  /** Called for every attempt to connect, counted from 0; a returned error is thrown instead. */
  connect?(address: string, attempt: number): AgentwireError | undefined;
}
