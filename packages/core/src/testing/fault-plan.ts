import type { Clock } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import type { AgentwireError } from '../errors.ts';
import type { Received } from '../message/message.ts';

/** What happens to one message on its way to its receiver. */
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

/** Where a message stands when a {@link FaultPlan} is asked about it. */
export interface FaultPlace {
  /** The receiving end. */
  readonly connection: Connection;
  /** Which end that is. */
  readonly end: 'dialled' | 'accepted';
  /** How many messages this end has received before. */
  readonly index: number;
}

/** What goes wrong, and when. */
export interface FaultPlan {
  /** Time for delays. */
  readonly clock: Clock;
  /** Asked about every message; what it returns happens to it, `undefined` leaves it alone. */
  message?(message: Received, place: FaultPlace): Fault | undefined;
  /** Asked about every attempt to connect, counted from 0; an error it returns is thrown instead. */
  connect?(address: string, attempt: number): AgentwireError | undefined;
}
