import type { Clock, TimerHandle } from '../../clock.ts';
import { AgentwireError } from '../../errors.ts';
import type { PingSender } from '../keepalive.ts';

/** Limit of pings without a pong. */
const MAX_UNANSWERED = 64;

interface PingWaiter {
  readonly sentAt: number;
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: AgentwireError) => void;
  readonly timer: TimerHandle;
}

/** Pings of one session whose callers wait for the round trip. */
export class UnansweredPings {
  readonly #clock: Clock;
  readonly #pings: PingSender;
  readonly #waiters = new Map<number, PingWaiter>();

  constructor(clock: Clock, pings: PingSender) {
    this.#clock = clock;
    this.#pings = pings;
  }

  /** Sends a ping; calls `resolve` with the round trip in milliseconds, or `reject`. */
  send(timeoutMs: number, resolve: PingWaiter['resolve'], reject: PingWaiter['reject']): void {
    if (this.#waiters.size >= MAX_UNANSWERED)
      return reject(new AgentwireError('ERR_OVERLOADED', `${MAX_UNANSWERED} pings are unanswered`));
    if (!this.#pings.send()) return reject(new AgentwireError('ERR_UNSUPPORTED', 'this peer cannot be pinged'));
    const { sequence } = this.#pings;
    const timer = this.#clock.setTimeout(() => {
      this.#waiters.delete(sequence);
      reject(new AgentwireError('ERR_TIMEOUT', `no pong within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#waiters.set(sequence, { sentAt: this.#clock.now(), resolve, reject, timer });
  }

  /** Resolves the ping with that sequence, if its caller still waits. */
  onPong(sequence: number): void {
    const waiter = this.#waiters.get(sequence);
    if (waiter === undefined) return;
    this.#waiters.delete(sequence);
    this.#clock.clearTimeout(waiter.timer);
    waiter.resolve(this.#clock.now() - waiter.sentAt);
  }

  /** Rejects every ping: the connection has ended. */
  close(error: AgentwireError): void {
    for (const waiter of this.#waiters.values()) {
      this.#clock.clearTimeout(waiter.timer);
      waiter.reject(error);
    }
    this.#waiters.clear();
  }
}
