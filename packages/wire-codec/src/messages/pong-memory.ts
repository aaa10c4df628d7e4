import type { Ping, Pong } from '@agentwire/core';

const REMEMBERED = 8;
const MAX_BYTES = 256;

/** Keeps the payloads of the last pings, because the zentinel dialect wants each back byte for byte. */
export class PongMemory {
  readonly #payloads = new Map<string, Buffer>();

  /** Notes a ping that came in. */
  note(ping: Ping, payload: Buffer): void {
    if (payload.length > MAX_BYTES) return;
    if (this.#payloads.size >= REMEMBERED) {
      const [oldest] = this.#payloads.keys();
      if (oldest !== undefined) this.#payloads.delete(oldest);
    }
    this.#payloads.set(`${ping.sequence} ${ping.timestampMs}`, Buffer.from(payload));
  }

  /** The payload that answers with these numbers, once. */
  take(pong: Pong): Buffer | undefined {
    const key = `${pong.sequence} ${pong.timestampMs}`;
    const payload = this.#payloads.get(key);
    this.#payloads.delete(key);
    return payload;
  }
}
