import {
  AgentwireError,
  type CloseReason,
  type Connection,
  type ConnectionHandler,
  type OnConnection,
} from '@agentwire/core';

/**
 * Registered connection that nothing serves yet. It is paused until {@link handOver} gives it to a pool or a session; until then the
 * agent's messages stay with the operating system.
 */
export class ReverseClient implements AsyncDisposable {
  /** The connection, for its `peer` and `id`; its handler is set by {@link handOver}. */
  readonly connection: Connection;
  readonly #onGone: (client: ReverseClient) => void;
  #handler: ConnectionHandler | undefined;
  #closed: CloseReason | undefined;

  constructor(connection: Connection, onGone: (client: ReverseClient) => void) {
    this.connection = connection;
    this.#onGone = onGone;
    connection.pause();
  }

  /** True once the agent has left before the hand-over. */
  get gone(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Gives the connection to its handler, once. If the agent has left meanwhile, the handler is told at once.
   *
   * @param take receives the connection and returns its handler, as `onConnection` of a transport does; what it throws is thrown and the
   * connection is aborted
   * @throws AgentwireError `ERR_INVALID_STATE` the second time
   */
  handOver(take: OnConnection): void {
    if (this.#handler !== undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'this connection was handed over before');
    try {
      this.#handler = take(this.connection);
    } catch (error) {
      this.connection.abort();
      throw error;
    }
    if (this.#closed === undefined) this.connection.resume();
    else this.#handler.onClose(this.#closed);
  }

  /** Ends a connection that will not be handed over. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handler === undefined) await this.connection.close();
  }

  /** Handler of the connection, for the listener: passes everything on once there is a handler to pass it to. */
  handler(): ConnectionHandler {
    return {
      onMessage: (message, encoded) => this.#handler?.onMessage(message, encoded),
      onDrain: () => this.#handler?.onDrain?.(),
      onClose: (reason) => {
        this.#closed = reason;
        this.#onGone(this);
        this.#handler?.onClose(reason);
      },
    };
  }
}
