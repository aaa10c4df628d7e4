import { leastPending, type LoadBalanceStrategy } from './strategy.ts';

/** Usable connections in turn. */
export function roundRobin(): LoadBalanceStrategy {
  let turn = 0;
  return {
    pick<T>(candidates: readonly T[]) {
      turn = (turn + 1) % candidates.length;
      return candidates[turn] as T;
    },
    forAgent: roundRobin,
  };
}

/** Connection with the fewest unanswered events; ties in turn. */
export function leastConnections(): LoadBalanceStrategy {
  let turn = 0;
  return {
    pick(candidates) {
      turn = (turn + 1) % candidates.length;
      return leastPending(candidates, turn);
    },
    takesAnyIdle: true,
    forAgent: leastConnections,
  };
}

/** Returns a random candidate. */
function randomOf<T>(candidates: readonly T[], next: () => number): T {
  return candidates[Math.floor(next() * candidates.length)] as T;
}

/** Random usable connection. @param next numbers from 0 up to 1 */
export function random(next: () => number = Math.random): LoadBalanceStrategy {
  return { pick: (candidates) => randomOf(candidates, next) };
}

/** Less busy of two random connections. @param next numbers from 0 up to 1 */
export function powerOfTwo(next: () => number = Math.random): LoadBalanceStrategy {
  return {
    pick(candidates) {
      const { length } = candidates;
      const a = Math.floor(next() * length);
      // the other one of two different places, each pair as likely as any other
      const b = length === 1 ? a : (a + 1 + Math.floor(next() * (length - 1))) % length;
      return leastPending([candidates[a], candidates[b]] as unknown as typeof candidates);
    },
  };
}
