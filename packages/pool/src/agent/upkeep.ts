import type { AgentwireError, Clock } from '@agentwire/core';
import type { BackoffOptions } from '@agentwire/core/session';
import { keepConnected, type KeptEnd } from '@agentwire/core/session/internal';

/** Callbacks of an {@link Upkeep}. */
export interface UpkeepEvents {
  /** Makes a connection; resolves once it is made, to its end. */
  readonly connect: (signal: AbortSignal) => Promise<{ readonly ended: Promise<KeptEnd> }>;
  readonly onFailure: (error: AgentwireError, failures: number, waitMs: number) => void;
}

/** Shortest wait after which {@link Upkeep.reconnectNow} ends it, in milliseconds. */
const MIN_WAIT_MS = 250;

/** Attempts to keep one connection up, until it is stopped. */
export class Upkeep {
  readonly #clock: Clock;
  readonly #backoff: Required<BackoffOptions>;
  readonly #stop = new AbortController();
  readonly #tried: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  /** Ends the wait before the next attempt. */
  #endWait: (() => void) | undefined;
  #waitsSince = 0;

  constructor(clock: Clock, backoff: Required<BackoffOptions>) {
    this.#clock = clock;
    this.#backoff = backoff;
  }

  /** Begins. Resolves when the connection is up, has failed once, or was stopped. */
  start({ connect, onFailure }: UpkeepEvents): Promise<void> {
    this.#loop = keepConnected({
      clock: this.#clock,
      backoff: this.#backoff,
      signal: this.#stop.signal,
      onFailure: (error, failures, waitMs) => {
        onFailure(error, failures, waitMs);
        this.#tried.resolve();
      },
      onWait: (endWait) => {
        this.#endWait = endWait;
        this.#waitsSince = this.#clock.now();
      },
      connect,
    });
    return this.#tried.promise;
  }

  /** Records that the connection is up. */
  connected(): void {
    this.#endWait = undefined;
    this.#tried.resolve();
  }

  /**
   * Dials now instead of at the end of the wait. A wait that began less than 250 ms ago goes on, so that an agent that is
   * down gets at most four attempts per second and connection.
   *
   * @returns whether it dials
   */
  reconnectNow(): boolean {
    const endWait = this.#endWait;
    if (endWait === undefined || this.#clock.now() - this.#waitsSince < MIN_WAIT_MS) return false;
    this.#endWait = undefined;
    endWait();
    return true;
  }

  /** Ends the attempts. Resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#tried.resolve();
    await this.#loop;
  }
}
