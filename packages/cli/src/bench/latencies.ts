/** Latency percentiles, in milliseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Samples of one run; keeps the first `capacity`. */
export class Latencies {
  readonly #samples: Float64Array;
  #count = 0;

  constructor(capacity = 1_000_000) {
    this.#samples = new Float64Array(capacity);
  }

  add(milliseconds: number): void {
    if (this.#count < this.#samples.length) this.#samples[this.#count++] = milliseconds;
  }

  #sorted(): Float64Array {
    return this.#samples.subarray(0, this.#count).toSorted();
  }

  /** Counts samples by the edges of bins in milliseconds, ascending. @returns one more than there are edges */
  histogram(edges: readonly number[]): number[] {
    const counts: number[] = [];
    const sorted = this.#sorted();
    let from = 0;
    for (const edge of [...edges, Infinity]) {
      let to = from;
      while (to < sorted.length && (sorted[to] ?? 0) < edge) to += 1;
      counts.push(to - from);
      from = to;
    }
    return counts;
  }

  summary(): LatencySummary {
    const sorted = this.#sorted();
    const at = (share: number): number =>
      Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(4));
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
