import { AgentwireError } from '@agentwire/core';

/** One usable connection of an agent, as a strategy sees it. */
export interface Candidate {
  /** Events that wait for their answer. */
  readonly pending: number;
}

/** Picks the connection for a new request. One object serves one agent, so it may have state. */
export interface LoadBalanceStrategy {
  readonly name: string;
  /** @param candidates usable connections, at least one. @returns one of them. */
  pick<T extends Candidate>(candidates: readonly T[]): T;
  /** Returns a strategy for another agent; the same object where it has no state. */
  forAgent(): LoadBalanceStrategy;
}

/** Names of the stock strategies. */
export type LoadBalanceStrategyName = 'leastConnections' | 'roundRobin' | 'random' | 'powerOfTwo';

function first<T>(candidates: readonly T[]): T {
  const one = candidates[0];
  if (one === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a strategy needs at least one candidate');
  return one;
}

/** Usable connections in turn. */
export function roundRobin(): LoadBalanceStrategy {
  let turn = 0;
  return {
    name: 'roundRobin',
    pick(candidates) {
      turn = (turn + 1) % candidates.length;
      return candidates[turn] ?? first(candidates);
    },
    forAgent: roundRobin,
  };
}

/** Connection with the fewest unanswered events; ties in turn. */
export function leastConnections(): LoadBalanceStrategy {
  let turn = 0;
  return {
    name: 'leastConnections',
    pick(candidates) {
      turn = (turn + 1) % candidates.length;
      let best = candidates[turn] ?? first(candidates);
      for (const candidate of candidates) if (candidate.pending < best.pending) best = candidate;
      return best;
    },
    forAgent: leastConnections,
  };
}

/** Random usable connection. @param next numbers from 0 up to 1 */
export function random(next: () => number = Math.random): LoadBalanceStrategy {
  return {
    name: 'random',
    pick: (candidates) => candidates[Math.floor(next() * candidates.length)] ?? first(candidates),
    forAgent: () => random(next),
  };
}

/** Less busy of two random connections. @param next numbers from 0 up to 1 */
export function powerOfTwo(next: () => number = Math.random): LoadBalanceStrategy {
  return {
    name: 'powerOfTwo',
    pick(candidates) {
      const a = candidates[Math.floor(next() * candidates.length)] ?? first(candidates);
      const b = candidates[Math.floor(next() * candidates.length)] ?? a;
      return b.pending < a.pending ? b : a;
    },
    forAgent: () => powerOfTwo(next),
  };
}

const BY_NAME: Readonly<Record<LoadBalanceStrategyName, () => LoadBalanceStrategy>> = {
  leastConnections,
  roundRobin,
  random: () => random(),
  powerOfTwo: () => powerOfTwo(),
};

/** Returns the stock strategy of that name. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function strategyNamed(name: string): LoadBalanceStrategy {
  if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name as LoadBalanceStrategyName]();
  const names = Object.keys(BY_NAME).join(', ');
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `loadBalanceStrategy must be one of ${names}, got ${JSON.stringify(name)}`,
  );
}
