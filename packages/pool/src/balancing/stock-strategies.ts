import { type Candidate, leastPending, type LoadBalanceStrategy } from './strategy.ts';

/** Returns a function that takes one after the other. */
function turns(): <T>(all: readonly T[]) => T {
  let turn = 0;
  return <T>(all: readonly T[]) => {
    turn = turn + 1 < all.length ? turn + 1 : 0;
    return all[turn] as T;
  };
}

/** Usable connections in turn. The turn of one that cannot take a request goes to each of the others equally often. */
export function roundRobin(): LoadBalanceStrategy {
  return { pick: turns(), prefer: turns(), forAgent: roundRobin };
}

/** Connection with the fewest unanswered events; ties in turn. */
export function leastConnections(): LoadBalanceStrategy {
  let turn = 0;
  const next = turns();
  return {
    pick(candidates) {
      turn = (turn + 1) % candidates.length;
      return leastPending(candidates, turn);
    },
    prefer(all) {
      const one = next(all);
      // none has fewer
      return one.pending === 0 ? one : undefined;
    },
    forAgent: leastConnections,
  };
}

/** Returns a random candidate. */
function randomOf<T>(candidates: readonly T[], next: () => number): T {
  return candidates[Math.floor(next() * candidates.length)] as T;
}

/** Random usable connection. @param next numbers from 0 up to 1 */
export function random(next: () => number = Math.random): LoadBalanceStrategy {
  const pick: LoadBalanceStrategy['pick'] = (candidates) => randomOf(candidates, next);
  return { pick, prefer: pick };
}

/** Less busy of two random connections. @param next numbers from 0 up to 1 */
export function powerOfTwo(next: () => number = Math.random): LoadBalanceStrategy {
  const pick = <T extends Candidate>(candidates: readonly T[]): T => {
    const { length } = candidates;
    const a = Math.floor(next() * length);
    // the other one of two different places, each pair as likely as any other
    const b = length === 1 ? a : (a + 1 + Math.floor(next() * (length - 1))) % length;
    const [one, other] = [candidates[a] as T, candidates[b] as T];
    return other.pending < one.pending ? other : one;
  };
  return { pick, prefer: pick };
}
