/** Number of measurements that are kept for a report. */
const KEPT = 512;

/** Summary of a {@link LatencyWindow}, in milliseconds. */
interface LatencySummary {
  readonly average: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The latest 512 measurements of the time that decisions took. */
export class LatencyWindow {
  readonly #values = new Float64Array(KEPT);
  #count = 0;

  add(ms: number): void {
    this.#values[this.#count % KEPT] = ms;
    this.#count += 1;
  }

  summary(): LatencySummary {
    const sorted = this.#values.slice(0, Math.min(this.#count, KEPT)).toSorted();
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    const sum = sorted.reduce((total, value) => total + value, 0);
    return { average: sorted.length === 0 ? 0 : sum / sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
