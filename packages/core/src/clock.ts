/** Result of {@link Clock.setTimeout}; an argument of {@link Clock.clearTimeout} only. */
export type TimerHandle = unknown;

/**
 * Injected time: everything that waits takes a `Clock`, so that tests can advance time.
 *
 * @see `createManualClock` in `@agentwire/core/testing`
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; for measuring and deadlines. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC; for timestamps that leave the process. */
  wallNow(): number;
  /** Calls `callback` once, `delayMs` from now. Timers never keep the process alive. */
  setTimeout(callback: () => void, delayMs: number): TimerHandle;
  /** Cancels a timer; unknown, fired and undefined handles are ignored. */
  clearTimeout(handle: TimerHandle): void;
}

/** Clock of this machine. Its timers are unreferenced: open sockets keep a process alive, timers do not. */
export const systemClock: Clock = {
  now: performance.now.bind(performance),
  wallNow: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
};

/**
 * Resolves after `delayMs` on `clock`.
 *
 * Rejects with the signal's reason as soon as `signal` is aborted, and leaves no listener behind.
 */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
