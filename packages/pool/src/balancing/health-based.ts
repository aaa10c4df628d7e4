import type { Candidate, LoadBalanceStrategy } from './strategy.ts';

/** Smallest latency that counts, in milliseconds: below it, differences are noise. */
const MIN_LATENCY_MS = 0.1;
/** Smallest weight, as a share of the largest one: a connection that has recovered is noticed. */
const MIN_SHARE = 0.01;

/** Returns the mean latency of the candidates that have answered; for those that have not. */
function meanLatency(candidates: readonly Candidate[]): number {
  let sum = 0;
  let known = 0;
  for (const { averageLatencyMs } of candidates) {
    if (averageLatencyMs === 0) continue;
    sum += averageLatencyMs;
    known += 1;
  }
  return known === 0 ? MIN_LATENCY_MS : sum / known;
}

/**
 * Random usable connection, weighted by the square of its success rate divided by its average latency. The smallest weight is 1 % of the
 * largest.
 *
 * @param next numbers from 0 up to 1
 */
export function healthBased(next: () => number = Math.random): LoadBalanceStrategy {
  return {
    pick<T extends Candidate>(candidates: readonly T[]) {
      if (candidates.length === 1) return candidates[0] as T;
      const mean = meanLatency(candidates);
      const weights = candidates.map(
        ({ successRate, averageLatencyMs }) =>
          (successRate * successRate) / Math.max(MIN_LATENCY_MS, averageLatencyMs || mean),
      );
      const least = Math.max(...weights) * MIN_SHARE;
      let total = 0;
      for (const weight of weights) total += Math.max(least, weight);
      let point = next() * total;
      for (const [at, weight] of weights.entries()) {
        point -= Math.max(least, weight);
        if (point < 0) return candidates[at] as T;
      }
      return candidates.at(-1) as T;
    },
  };
}
