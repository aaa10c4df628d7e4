import { AgentwireError } from '@agentwire/core';
import type { ClientResponse } from '../client-messages.ts';
import { Http2Response } from '../http2/http2-response.ts';
import type { Deadlines, Watched } from '../deadlines.ts';

interface Client {
  readonly response: ClientResponse;
  readonly onStall: ((error: Error) => void) | undefined;
  /** Bytes that the system had taken for the client at the last check. */
  taken: number;
  takenAt: number;
}

/** Returns the bytes that the system has taken for the client; `undefined` where none wait, because the upstream is quiet. */
function takenOf(response: ClientResponse): number | undefined {
  const { socket } = response;
  if (response instanceof Http2Response) return response.takenBytes;
  // a response that waits behind another one of its connection is cut with that
  if (socket === null) return undefined;
  return socket.writableLength === 0 ? undefined : socket.bytesWritten - socket.writableLength;
}

/**
 * Cuts the connections of clients that take nothing of what waits for them.
 *
 * A client's time counts from the last byte that the system took for it, as nothing tells what has arrived. Clients are
 * cut in groups, one group per `timeoutMs`: each after `timeoutMs` at the earliest and twice that at the latest. Where
 * requests wait for a connection to the upstream, a group includes those clients that have taken nothing for an eighth of
 * that time: many clients that stall one after the other end together, not one connection at a time.
 */
export class StallWatch implements Watched {
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #contended: () => boolean;
  readonly #clients = new Set<Client>();
  /** Time of the next cut; set by the first check of a group. */
  #cutsAt: number | undefined;

  /** @param contended tells whether requests wait for a connection to the upstream */
  constructor(deadlines: Deadlines, timeoutMs: number, contended: () => boolean) {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#contended = contended;
  }

  /** Watches a response until it is closed. @param onStall called before its connection is cut */
  watch(response: ClientResponse, onStall?: (error: Error) => void): void {
    const client: Client = { response, onStall, taken: -1, takenAt: 0 };
    if (this.#clients.size === 0) {
      this.#cutsAt = undefined;
      this.#deadlines.add(this);
    }
    this.#clients.add(client);
    response.once('close', () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#deadlines.delete(this);
    });
  }

  check(now: number): void {
    for (const client of this.#clients) {
      const taken = takenOf(client.response);
      if (taken !== undefined && taken === client.taken) continue;
      client.taken = taken ?? -1;
      client.takenAt = now;
    }
    this.#cutsAt ??= now + 2 * this.#timeoutMs;
    if (now < this.#cutsAt) return;
    this.#cutsAt = now + this.#timeoutMs;
    const isStalled = Array.from(this.#clients).some(({ takenAt }) => now - takenAt >= this.#timeoutMs);
    if (isStalled) this.#cut(now, this.#contended() ? this.#timeoutMs / 8 : this.#timeoutMs);
  }

  #cut(now: number, minMs: number): void {
    for (const { response, onStall, takenAt } of this.#clients) {
      if (now - takenAt < minMs) continue;
      onStall?.(
        new AgentwireError(
          'ERR_TIMEOUT',
          `the client has read nothing for ${Math.floor(now - takenAt)} ms; see clientStallTimeoutMs`,
        ),
      );
      response.destroy();
    }
  }
}
