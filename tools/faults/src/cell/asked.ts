import type { AgentwireError, Decision } from '@agentwire/core';
import { AgentwireError as ErrorClass } from '@agentwire/core';
import { monotonicMs } from '../now.ts';

/** Outcome of one request. */
export interface Outcome {
  readonly decision?: Decision;
  readonly error?: AgentwireError;
  /** Time on the machine's monotonic clock, in milliseconds. */
  readonly at: number;
}

/** Tolerance: a request fails at most this long after its deadline, in milliseconds. */
const LATE_MS = 100;

/** Counts questions and what became of them. */
export class Asked {
  asked = 0;
  settled = 0;
  decided = 0;
  /** Errors by code; those that an agent answered with are under `agent:CODE`. */
  readonly errors = new Map<string, number>();
  /** The latest that an outcome came after its deadline, in milliseconds; negative when all came before. */
  latestMs = -Infinity;
  /** Rejections that are no AgentwireError. */
  untyped: string[] = [];

  /** Follows one question to its outcome; never rejects. */
  async follow(promise: Promise<Decision>, timeoutMs: number): Promise<Outcome> {
    this.asked += 1;
    const since = monotonicMs();
    let outcome: Omit<Outcome, 'at'>;
    try {
      outcome = { decision: await promise };
      this.decided += 1;
    } catch (error) {
      outcome = { error: error as AgentwireError };
      this.#count(error);
    }
    const at = monotonicMs();
    this.settled += 1;
    this.latestMs = Math.max(this.latestMs, at - since - timeoutMs);
    return { ...outcome, at };
  }

  #count(error: unknown): void {
    if (!(error instanceof ErrorClass)) {
      this.untyped.push(String(error));
      return;
    }
    const name = error.detail?.['byAgent'] === true ? `agent:${error.code}` : error.code;
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
  }

  /** Counts failures with `code`. */
  failed(code: string): number {
    return this.errors.get(code) ?? 0;
  }

  /** Counts failures that an agent answered. */
  get failedByAgent(): number {
    let count = 0;
    for (const [name, times] of this.errors) if (name.startsWith('agent:')) count += times;
    return count;
  }

  /** Codes and counts in words. */
  get words(): string {
    return [...this.errors].map(([name, times]) => `${times} ${name}`).join(', ') || 'no error';
  }

  /** Lists violations after the row has ended. @param starvedMs time that the machine did not schedule this process */
  findings(starvedMs: number): string[] {
    const found = this.untyped.slice(0, 3).map((text) => `a rejection without a code: ${text}`);
    if (this.settled !== this.asked)
      found.push(`${this.asked - this.settled} of ${this.asked} questions have no outcome`);
    if (this.latestMs > LATE_MS + starvedMs)
      found.push(`an outcome came ${Math.round(this.latestMs)} ms after its deadline, ${LATE_MS} ms are allowed`);
    return found;
  }
}
