import type { Question } from '../question.ts';

/** One connection of an agent that can take a new request, as a strategy sees it. */
export interface Candidate {
  /** Number of the connection among those of its agent; a connection that is dialled again keeps it. */
  readonly id: number;
  /** Events that wait for their answer. */
  readonly pending: number;
  /** Success rate of the last minute, 0 to 1; 1 without an outcome. */
  readonly successRate: number;
  /** Moving average of successful answers, in milliseconds; 0 before the first. */
  readonly averageLatencyMs: number;
}

/**
 * Picks the connection for a new request. Where an object of yours throws, or returns none of the candidates, the pool logs an
 * error and takes the one with the fewest unanswered events.
 */
export interface LoadBalanceStrategy {
  /**
   * Returns one of the candidates, of which there is at least one: open, not paused, not draining, not ejected, not full.
   *
   * @param event first event of the request
   */
  pick<T extends Candidate>(candidates: readonly T[], event: Question): T;
  /**
   * Returns the choice among all connections of the agent, as though each could take the request, or `undefined`. The pool takes it where it
   * can, and calls `pick` where it cannot, so that most requests look at one connection instead of all. Default: `pick` chooses.
   *
   * @param event first event of the request
   */
  prefer?<T extends Candidate>(all: readonly T[], event: Question): T | undefined;
  /** Returns the strategy for one more agent; absent where one object can serve all, because it has no state. */
  forAgent?(): LoadBalanceStrategy;
}

/** Returns the candidate with the fewest unanswered events; of several the first from `start` on, around the end. */
export function leastPending<T extends Candidate>(candidates: readonly T[], start = 0): T {
  const { length } = candidates;
  // the pool never asks without a candidate
  let best = candidates[start] as T;
  for (let steps = 1, at = start + 1; steps < length; steps++, at++) {
    if (at === length) at = 0;
    const candidate = candidates[at] as T;
    if (candidate.pending < best.pending) best = candidate;
  }
  return best;
}
