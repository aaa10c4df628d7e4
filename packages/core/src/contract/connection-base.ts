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
 * State machine that every transport's connection shares: checks of `send`, one end, one `onClose`.
 *
 * A transport implements {@link write}, {@link startClose} and {@link destroy}, passes received messages to {@link deliver},
 * and reports the end of its medium to {@link ended}.
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

  /** True while {@link pause} has stopped delivery. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Writes a message that passed the checks of `send`. @returns `false` above the high-water mark */
  protected abstract write(message: Message): boolean;
  /** Begins a graceful end: flushes, then ends the medium; {@link ended} follows. */
  protected abstract startClose(): void;
  /** Drops the medium at once, because of `error` if given. Must not throw; need not call {@link ended}. */
  protected abstract destroy(error?: AgentwireError): void;

  /** Gets the handler from `onConnection`. @throws what `onConnection` throws: a refusal */
  protected attach(onConnection: OnConnection): void {
    const handler = onConnection(this);
    // the connection may already be closed; the handler must still receive `onClose`
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

  /** Passes a received message to the handler, with its encoded form if there is one; a throw of the handler ends the connection. */
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

  /** Reports to the handler that the buffer is below its low-water mark. */
  protected drained(): void {
    if (this.#status === 'closed') return;
    try {
      this.#handler?.onDrain?.();
    } catch (error) {
      this.abort(toAgentwireError(error, 'ERR_HANDLER', 'connection handler'));
    }
  }

  /** Ends the connection because its medium has ended, and calls `onClose`, once. An error of {@link abort} replaces `reason`. */
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

  /** Ends the connection because of an error that this side found, typically `ERR_PROTOCOL`. */
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
    // the connection has ended, and neither abort() nor other connections may fail because of its handler
  }
}

/** Encoded form of whatever message a connection is delivering: one object per connection, so that a message allocates none. */
export class DeliveredBytes implements EncodedMessage {
  readonly decode: (bytes: Buffer) => Received | undefined;
  #source: Buffer | undefined;
  #from = 0;
  #to = 0;

  /** @param decode reads a copied message; must have no effect besides */
  constructor(decode: (bytes: Buffer) => Received | undefined) {
    this.decode = decode;
  }

  /** Points to the message that is delivered next, at `source[from, to)`. */
  expose(source: Buffer, from: number, to: number): void {
    this.#source = source;
    this.#from = from;
    this.#to = to;
  }

  /** Ends access to the message: its delivery is over. */
  expire(): void {
    this.#source = undefined;
  }

  copyTo(target: Buffer, at: number): number {
    if (this.#source === undefined || at + this.#to - this.#from > target.length) return 0;
    return this.#source.copy(target, at, this.#from, this.#to);
  }
}
