/** Target as a strategy sees it. */
export interface Balanced {
  /** Unique and stable, such as its address. */
  readonly key: string;
  readonly weight: number;
  /** Requests in flight or waiting. */
  readonly active: number;
}

/** Chooses one of `candidates`, which are at least one. @param hashKey of the request, for `consistentHash` */
export type Balance = <T extends Balanced>(candidates: readonly T[], hashKey: string) => T;

/** Chooses in turn, in shares of the weights, and spreads the turns of a heavy target (as nginx does). */
function roundRobin(): Balance {
  const credit = new WeakMap<Balanced, number>();
  return (candidates) => {
    let [best] = candidates as [(typeof candidates)[number]];
    let most = -Infinity;
    let total = 0;
    for (const one of candidates) {
      const now = (credit.get(one) ?? 0) + one.weight;
      credit.set(one, now);
      total += one.weight;
      if (now <= most) continue;
      best = one;
      most = now;
    }
    credit.set(best, most - total);
    return best;
  };
}

/** Chooses the target with the fewest requests for its weight; in turn among equal ones. */
function leastConnections(): Balance {
  const inTurn = roundRobin();
  return (candidates, hashKey) => {
    let least = Infinity;
    for (const { active, weight } of candidates) least = Math.min(least, active / weight);
    return inTurn(
      candidates.filter(({ active, weight }) => active / weight === least),
      hashKey,
    );
  };
}

/** Returns a hash from 0 to 1, both excluded (FNV-1a, then a finaliser, as similar keys must not be near each other). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

/**
 * Chooses the same target for the same key (rendezvous hashing): a target that leaves or comes moves only its own share of
 * the keys.
 */
function consistentHash(): Balance {
  return (candidates, hashKey) => {
    let [best] = candidates as [(typeof candidates)[number]];
    let most = -Infinity;
    for (const one of candidates) {
      const score = -one.weight / Math.log(hashOf(`${one.key}\n${hashKey}`));
      if (score <= most) continue;
      best = one;
      most = score;
    }
    return best;
  };
}

/** Strategies by name. */
export const BALANCES: Readonly<Record<'roundRobin' | 'leastConnections' | 'consistentHash', () => Balance>> = {
  roundRobin,
  leastConnections,
  consistentHash,
};
