import type { EncodedMessage, Received } from '@agentwire/core';
import { FakeConnection } from '../fake-connection.ts';

/** A connection whose messages have an encoded form, as those of transports do. */
export class EncodingConnection extends FakeConnection {
  #delivering: Received | undefined;
  /** Heads that were decoded again. */
  decodeCount = 0;
  readonly #encoded: EncodedMessage = {
    copyTo: (target, at) => {
      if (this.#delivering === undefined) return 0;
      const bytes = Buffer.from(JSON.stringify(this.#delivering));
      return at + bytes.length > target.length ? 0 : bytes.copy(target, at);
    },
    decode: (bytes) => {
      this.decodeCount += 1;
      return JSON.parse(bytes.toString()) as Received;
    },
  };

  override receive(message: Received): void {
    this.#delivering = message;
    super.receive(message, this.#encoded);
    this.#delivering = undefined;
  }
}
