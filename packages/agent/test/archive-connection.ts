import type { Received } from '@agentwire/core';
import { FakeConnection } from './fake-connection.ts';

/** A connection whose messages have an encoded form, as those of transports do. */
export class ArchiveConnection extends FakeConnection {
  #delivering: Received | undefined;
  /** Heads that were read again. */
  readAgainCount = 0;

  override receive(message: Received): void {
    this.#delivering = message;
    super.receive(message);
    this.#delivering = undefined;
  }

  copyDelivered(message: Received, target: Buffer, at: number): number {
    if (message !== this.#delivering) return 0;
    const bytes = Buffer.from(JSON.stringify(message));
    return at + bytes.length > target.length ? 0 : bytes.copy(target, at);
  }

  readAgain(bytes: Buffer): Received {
    this.readAgainCount += 1;
    return JSON.parse(bytes.toString()) as Received;
  }
}
