import type { Ping, Pong } from '@agentwire/core';

/** Most pings that are remembered until their pongs are written. */
const REMEMBERED = 16;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The two numbers of a ping as they came. */
interface Exact {
  readonly sequence: bigint;
  readonly timestampMs: bigint;
}

/** Keeps the numbers of pings that no number of JavaScript holds, because a pong repeats them exactly. */
export class ExactPings {
  readonly #waiting: { readonly ping: Ping; readonly exact: Exact }[] = [];

  /** The ping with these numbers, rounded where they are past 2^53 − 1. */
  read(exact: Exact): Ping {
    const { sequence, timestampMs } = exact;
    const ping: Ping = { type: 'ping', sequence: Number(sequence), timestampMs: Number(timestampMs) };
    if (sequence <= MAX_SAFE && timestampMs <= MAX_SAFE) return ping;
    if (this.#waiting.length >= REMEMBERED) this.#waiting.shift();
    this.#waiting.push({ ping, exact });
    return ping;
  }

  /** The numbers that answer the oldest ping that reads like `pong`, once. */
  take({ sequence, timestampMs }: Pong): Exact | undefined {
    const at = this.#waiting.findIndex(({ ping }) => ping.sequence === sequence && ping.timestampMs === timestampMs);
    return at === -1 ? undefined : this.#waiting.splice(at, 1)[0]?.exact;
  }
}
