/** How an agent does, by its success rate: healthy over 95 %, degraded from 80 %, else unhealthy. */
export type HealthVerdict = 'healthy' | 'degraded' | 'unhealthy';

const WINDOW = 100;
const WEIGHT = 0.1;

/** The last 100 outcomes of an agent and its moving average latency. */
export class HealthWindow {
  readonly #outcomes = new Uint8Array(WINDOW);
  #count = 0;
  #at = 0;
  #successes = 0;
  #averageMs = 0;

  /** Notes one outcome. @param durationMs how long it took */
  record(success: boolean, durationMs: number): void {
    if (this.#count === WINDOW) this.#successes -= this.#outcomes[this.#at] ?? 0;
    else this.#count += 1;
    this.#outcomes[this.#at] = success ? 1 : 0;
    if (success) this.#successes += 1;
    this.#at = (this.#at + 1) % WINDOW;
    if (success)
      this.#averageMs = this.#averageMs === 0 ? durationMs : this.#averageMs + WEIGHT * (durationMs - this.#averageMs);
  }

  /** 0 to 1; 1 before the first outcome. */
  get successRate(): number {
    return this.#count === 0 ? 1 : this.#successes / this.#count;
  }

  /** Moving average of successful answers, in milliseconds. */
  get averageLatencyMs(): number {
    return this.#averageMs;
  }

  get verdict(): HealthVerdict {
    if (this.successRate > 0.95) return 'healthy';
    return this.successRate >= 0.8 ? 'degraded' : 'unhealthy';
  }
}
