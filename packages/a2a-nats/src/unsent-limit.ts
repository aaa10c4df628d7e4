import { AgentwireError } from '@agentwire/core';

/** Bytes after which the server is asked how far it has read. */
const ASK_AFTER = 1024 * 1024;

/**
 * Bytes that were handed to the client and that the server has not read yet, bounded: a client keeps what a slow server does not read.
 *
 * The client does not tell how much it keeps, so that a ping after each MiB shows how far the server is.
 */
export class UnsentLimit {
  readonly #limit: number;
  readonly #askAfter: number;
  readonly #ask: () => Promise<void>;
  #handed = 0;
  #read = 0;
  #held = 0;
  #asking = false;

  /** @param ask resolves once the server has read everything that was handed over before, rejects when the connection is lost */
  constructor(limit: number, ask: () => Promise<void>) {
    this.#limit = limit;
    this.#askAfter = Math.min(ASK_AFTER, Math.ceil(limit / 4));
    this.#ask = ask;
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#handed - this.#read + this.#held;
  }

  /** Counts a publication. @throws AgentwireError `ERR_OVERLOADED` when there is no room */
  add(bytes: number): void {
    this.#checkRoom(bytes);
    this.#handed += bytes;
    if (!this.#asking && this.#handed - this.#read > this.#askAfter) void this.#follow();
  }

  /** Counts something until the function that is given back is called. @throws AgentwireError `ERR_OVERLOADED` when there is no room */
  hold(bytes: number): () => void {
    this.#checkRoom(bytes);
    this.#held += bytes;
    return () => {
      this.#held -= bytes;
    };
  }

  #checkRoom(bytes: number): void {
    const { waiting } = this;
    if (waiting === 0 || waiting + bytes <= this.#limit) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${waiting} bytes wait for the NATS server, which reads too slowly; maxUnsentBytes is ${this.#limit}`,
      { detail: { waiting, maxUnsentBytes: this.#limit } },
    );
  }

  async #follow(): Promise<void> {
    this.#asking = true;
    while (this.#handed - this.#read > this.#askAfter) {
      const upTo = this.#handed;
      try {
        await this.#ask();
        this.#read = upTo;
      } catch {
        // a client drops what it kept when its connection is lost.
        this.#read = this.#handed;
      }
    }
    this.#asking = false;
  }
}
