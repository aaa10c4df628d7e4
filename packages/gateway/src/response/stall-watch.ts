import type { ServerResponse } from 'node:http';
import { AgentwireError } from '@agentwire/core';
import type { Sweep, Watched } from '../sweep.ts';

/** What a {@link watchStall} works with. */
export interface StallWatchOptions {
  readonly response: ServerResponse;
  readonly sweep: Sweep;
  readonly timeoutMs: number;
  /** Called before the connection is cut. */
  readonly onStall?: (error: Error) => void;
}

class StallWatch implements Watched {
  readonly #options: StallWatchOptions;
  #period: number | undefined;
  #taken: number | undefined;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  check(now: number): void {
    const { response, timeoutMs, onStall } = this.#options;
    const period = Math.floor(now / timeoutMs);
    const last = this.#period;
    this.#period = period;
    if (last === undefined || last === period) return;
    const { socket } = response;
    // one that waits behind another response of its connection is cut with that
    if (socket === null) return;
    // the upstream may be quiet, and then there is nothing to take
    const taken = socket.writableLength === 0 ? undefined : socket.bytesWritten - socket.writableLength;
    const stalled = taken !== undefined && taken === this.#taken;
    this.#taken = taken;
    if (!stalled) return;
    const message = `the client has read nothing for ${timeoutMs} ms; see clientStallTimeoutMs`;
    onStall?.(new AgentwireError('ERR_TIMEOUT', message));
    response.destroy();
  }
}

/**
 * Cuts the connection of a client that takes nothing of what waits for it.
 *
 * All are looked at together, once every `timeoutMs`: one that has taken nothing since the time before is cut, so after
 * `timeoutMs` at the earliest and twice that at the latest. What counts is what the system takes, as nothing tells what
 * has arrived.
 */
export function watchStall(options: StallWatchOptions): void {
  const { response, sweep } = options;
  const watch = new StallWatch(options);
  sweep.add(watch);
  response.once('close', () => sweep.delete(watch));
}
