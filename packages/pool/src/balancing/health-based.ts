import type { Candidate, LoadBalanceStrategy } from './strategy.ts';

/** Smallest latency that counts, in milliseconds: below it, differences are noise. */
const MIN_LATENCY_MS = 0.1;
/** Smallest weight, as a share of the largest one: a connection that has recovered is noticed. */
const MIN_SHARE = 0.01;
/** Requests for which weights are used: weighing four connections takes 4 µs among 1 000 agents (`bench/selection.ts`). */
const WEIGHED_FOR = 32;

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

/** Returns the sums of the weights of the candidates up to each of them. */
function sumsOf(candidates: readonly Candidate[]): number[] {
  const mean = meanLatency(candidates);
  const weights = candidates.map(
    ({ successRate, averageLatencyMs }) =>
      (successRate * successRate) / Math.max(MIN_LATENCY_MS, averageLatencyMs || mean),
  );
  const least = Math.max(...weights) * MIN_SHARE;
  let total = 0;
  return weights.map((weight) => (total += Math.max(least, weight)));
}

/** Returns the candidate whose part of the last sum has the point, a number from 0 up to 1. */
function at<T>(candidates: readonly T[], sums: readonly number[], point: number): T {
  const wanted = point * (sums.at(-1) ?? 0);
  // the first sum above it
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > wanted) high = middle;
    else low = middle + 1;
  }
  return candidates[low] as T;
}

/**
 * Random usable connection, weighted by the square of its success rate divided by its average latency. The smallest weight is 1 % of the
 * largest. While every connection can take the request, the weights are those of the last 32 requests.
 *
 * @param next numbers from 0 up to 1
 */
export function healthBased(next: () => number = Math.random): LoadBalanceStrategy {
  let sums: readonly number[] = [];
  let left = 0;
  return {
    pick: (candidates) => at(candidates, sumsOf(candidates), next()),
    prefer(all) {
      if (left === 0 || sums.length !== all.length) {
        sums = sumsOf(all);
        left = WEIGHED_FOR;
      }
      left -= 1;
      return at(all, sums, next());
    },
    forAgent: () => healthBased(next),
  };
}
