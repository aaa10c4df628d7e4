import type { CloseReason, Connection, ConnectionHandler, EncodedMessage, Received } from '@agentwire/core';

/** One end of a connection under test: a handler that records every callback. */
export class Side implements ConnectionHandler {
  readonly received: Received[] = [];
  readonly ends: CloseReason[] = [];
  /** Its callbacks, in order. */
  readonly log: ('message' | 'drain' | 'close')[] = [];
  drains = 0;
  /** Called for every message, inside `onMessage`. */
  react: ((message: Received, encoded: EncodedMessage | undefined) => void) | undefined;
  /** Called at every `onDrain`, inside it. */
  reactToDrain: (() => void) | undefined;
  #connection: Connection | undefined;

  /** The connection; throws before there is one. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error('onConnection was not called on this side');
    return this.#connection;
  }

  /** `true` once there is a connection. */
  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Takes the connection; fits as the body of an `onConnection`. */
  take(connection: Connection): this {
    if (this.#connection !== undefined) throw new Error('onConnection was called twice for one connection');
    this.#connection = connection;
    return this;
  }

  onMessage(message: Received, encoded?: EncodedMessage): void {
    this.log.push('message');
    this.received.push(message);
    this.react?.(message, encoded);
  }

  onDrain(): void {
    this.log.push('drain');
    this.drains += 1;
    this.reactToDrain?.();
  }

  onClose(reason: CloseReason): void {
    this.log.push('close');
    this.ends.push(reason);
  }
}
