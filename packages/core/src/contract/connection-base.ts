import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Message, Received } from '../message/message.ts';
import type { CloseReason, Connection, ConnectionHandler, ConnectionStatus, EncodedMessage } from './connection.ts';
import type { Peer } from './peer.ts';
import type { OnConnection } from './transport.ts';

let created = 0;

/** States of a connection. */
export const CONNECTION_LIFECYCLE: Lifecycle<ConnectionStatus> = {
  open: { close: 'closing', abort: 'closed', 'medium ended': 'closed', 'handler threw': 'closed' },
  closing: { abort: 'closed', 'medium ended': 'closed', 'handler threw': 'closed' },
  closed: {},
};

/**
 * The state machine that every transport's connection shares: who may send when, one end, one `onClose`.
 *
 * A transport extends it with {@link write}, {@link startClose} and {@link destroy}, hands in what it reads through
 * {@link deliver}, and reports the end of its medium through {@link ended}.
 */
export abstract class ConnectionBase implements Connection {
  readonly id: string;
  abstract readonly peer: Peer;
  abstract readonly bufferedBytes: number;
  abstract readonly receivedBytes: number;
  #status: ConnectionStatus = 'open';
  #handler: ConnectionHandler | undefined;
  #paused = false;
  #failure: AgentwireError | undefined;
  #end: CloseReason | undefined;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  /** @param name stands before the number in {@link id}, usually the transport's name */
  constructor(name: string) {
    created += 1;
    this.id = `${name}-${created}`;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Whether delivery is stopped by {@link pause}. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Writes a message that may be sent. @returns `false` above the high-water mark. */
  protected abstract write(message: Message): boolean;
  /** Begins an orderly end: flush, then end the medium; {@link ended} follows. */
  protected abstract startClose(): void;
  /** Drops the medium at once, because of `error` where there is one. Must not throw; may call {@link ended} or not. */
  protected abstract destroy(error?: AgentwireError): void;

  /** Asks `onConnection` for the handler. A throw is the caller's, as a refusal. */
  protected attach(onConnection: OnConnection): void {
    const handler = onConnection(this);
    // it may have ended the connection before it gave its handler, which is owed its onClose all the same
    if (this.#end === undefined) this.#handler = handler;
    else tellEnd(handler, this.#end);
  }

  send(message: Message): boolean {
    if (this.#status !== 'open') throw new AgentwireError('ERR_CLOSED', `connection ${this.id} is ${this.#status}`);
    if (!this.peer.accepts.has(message.type)) {
      throw new AgentwireError(
        'ERR_UNSUPPORTED',
        `${this.peer.name} does not understand ${message.type} on ${this.id}`,
      );
    }
    return this.write(message);
  }

  /** Hands one received message to the handler; a throw of the handler ends the connection. */
  protected deliver(message: Received, encoded?: EncodedMessage): void {
    try {
      this.#handler?.onMessage(message, encoded);
    } catch (error) {
      this.abort(toAgentwireError(error, 'ERR_HANDLER', 'connection handler'));
    }
  }

  /**
   * Reports a half-close of the other side to the handler.
   *
   * @returns `false` where the handler does not take it, or the connection is ending already: then end it
   */
  protected peerEnded(): boolean {
    const handler = this.#handler;
    if (this.#status !== 'open' || handler?.onPeerEnd === undefined) return false;
    try {
      handler.onPeerEnd();
    } catch (error) {
      this.abort(toAgentwireError(error, 'ERR_HANDLER', 'connection handler'));
    }
    return true;
  }

  /** Tells the handler that it may send again. */
  protected drained(): void {
    if (this.#status === 'closed') return;
    try {
      this.#handler?.onDrain?.();
    } catch (error) {
      this.abort(toAgentwireError(error, 'ERR_HANDLER', 'connection handler'));
    }
  }

  /** The medium is gone: notes it and tells the handler, once. Local errors noted by {@link failWith} win. */
  protected ended(reason: CloseReason): void {
    if (this.#status === 'closed') return;
    this.#status = 'closed';
    this.#closed.resolve();
    const handler = this.#handler;
    this.#handler = undefined;
    const error = this.#failure ?? reason.error;
    const by = this.#failure === undefined ? reason.by : 'local';
    this.#end = error === undefined ? { by } : { by, error };
    if (handler !== undefined) tellEnd(handler, this.#end);
  }

  /** Ends the connection because of what this side saw, typically a protocol error. */
  protected failWith(error: AgentwireError): void {
    this.abort(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  close(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) this.abort();
    if (this.#status === 'open') {
      this.#status = 'closing';
      this.startClose();
    }
    if (signal !== undefined && this.status !== 'closed') {
      const onAbort = (): void => this.abort();
      signal.addEventListener('abort', onAbort, { once: true });
      void this.#closed.promise.then(() => signal.removeEventListener('abort', onAbort));
    }
    return this.#closed.promise;
  }

  abort(error?: AgentwireError): void {
    if (this.#status === 'closed') return;
    this.#failure ??= error;
    this.destroy(error);
    this.ended(error === undefined ? { by: 'local' } : { by: 'local', error });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function tellEnd(handler: ConnectionHandler, reason: CloseReason): void {
  try {
    handler.onClose(reason);
  } catch {
    // Its connection is over, and abort() and the other connections of a transport must not suffer from one handler.
  }
}
