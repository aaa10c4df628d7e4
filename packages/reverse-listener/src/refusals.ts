import type { Clock } from '@agentwire/core';

const FORGET_MS = 60_000;
const MAX_ADDRESSES = 4_096;

/**
 * Delays of refusals: each refused registration is answered a fixed time after it came, whatever was wrong with it, and later with each
 * refusal of the same address within a minute.
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #maxMs: number;
  // in the order of the last refusal, so that the first is the one to evict
  readonly #byAddress = new Map<string, { count: number; last: number }>();

  constructor(clock: Clock, delayMs: number, maxMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#maxMs = Math.max(maxMs, delayMs);
  }

  /** Returns how long a registration that came at `since` has to wait for its refusal, in milliseconds from now. */
  delayMs(address: string | undefined, since: number): number {
    const count = this.#count(hostOf(address ?? ''));
    const after = Math.min(this.#delayMs * 2 ** Math.min(count - 1, 20), this.#maxMs);
    const left = since + after - this.#clock.now();
    // a verification that took longer is rounded up, so that its own duration is not seen
    return left >= 0 || after === 0 ? left : after - (-left % after);
  }

  #count(host: string): number {
    const now = this.#clock.now();
    const before = this.#byAddress.get(host);
    this.#byAddress.delete(host);
    const count = before === undefined || now - before.last >= FORGET_MS ? 1 : before.count + 1;
    this.#byAddress.set(host, { count, last: now });
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > MAX_ADDRESSES && oldest !== undefined) this.#byAddress.delete(oldest);
    return count;
  }
}

/** Address without its port, which is another one for each connection. */
const hostOf = (address: string): string => address.replace(/:\d+$/, '').slice(0, 256);
