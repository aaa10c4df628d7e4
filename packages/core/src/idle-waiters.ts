import type { Clock } from './clock.ts';

/** Promises that resolve when their owner becomes idle. */
export class IdleWaiters {
  #waiting: (() => void)[] = [];

  /** Resolves at the next {@link notify}. Call it only while the owner is busy. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Resolves what waits; a wait that begins meanwhile is for the next time. */
  notify(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Resolves with `promise`, or after `timeoutMs` on `clock`; leaves no timer. Rejects only if `promise` does so in time. */
export async function atMost(clock: Clock, timeoutMs: number, promise: Promise<unknown>): Promise<void> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimeout(resolve, timeoutMs);
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clock.clearTimeout(timer);
  }
}
