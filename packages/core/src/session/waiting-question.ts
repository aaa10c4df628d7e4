import type { AgentwireError } from '../errors.ts';
import type { Decision } from '../message/decision.ts';
import type { EventBody } from './exchange.ts';

/** One question that waits for its answer, or for its turn to be sent, with the one behind it. */
export interface WaitingQuestion {
  readonly startedAt: number;
  readonly deadline: number;
  readonly type: EventBody['type'];
  /** Index of a body chunk, else −1. */
  readonly index: number;
  readonly last: boolean;
  /** Whether the exchange ends with the answer. */
  readonly endAfter: boolean;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: AgentwireError) => void;
  unsent: EventBody | undefined;
  detach: (() => void) | undefined;
  next: WaitingQuestion | undefined;
}

/** A question that is asked now and still to be sent. */
export function questionOf(
  event: EventBody,
  endAfter: boolean,
  startedAt: number,
  timeoutMs: number,
  resolve: (decision: Decision) => void,
  reject: (error: AgentwireError) => void,
): WaitingQuestion {
  const chunk = event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event : undefined;
  return {
    startedAt,
    deadline: startedAt + timeoutMs,
    type: event.type,
    index: chunk === undefined ? -1 : chunk.index,
    last: chunk?.last === true,
    endAfter,
    resolve,
    reject,
    unsent: event,
    detach: undefined,
    next: undefined,
  };
}

/** Whether a question of this type has to wait for room in the buffer. */
export function isChunk(type: EventBody['type']): boolean {
  return type === 'requestBodyChunk' || type === 'responseBodyChunk';
}

/** Whether a deadline has passed at `now`, from `oldest` on. */
export function anyOverdue(oldest: WaitingQuestion | undefined, now: number): boolean {
  for (let waiter = oldest; waiter !== undefined; waiter = waiter.next) if (waiter.deadline <= now) return true;
  return false;
}

/** Latest deadline from `oldest` on, or `since` where there is none later. */
export function latestDeadline(oldest: WaitingQuestion | undefined, since: number): number {
  let latest = since;
  for (let waiter = oldest; waiter !== undefined; waiter = waiter.next) latest = Math.max(latest, waiter.deadline);
  return latest;
}
