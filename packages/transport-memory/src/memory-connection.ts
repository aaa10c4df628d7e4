import {
  AgentwireError,
  ConnectionBase,
  type Clock,
  type CloseReason,
  type Message,
  type MessageType,
  type OnConnection,
  type Peer,
  type TimerHandle,
} from '@agentwire/core';
import { copyMessage, type MessageCopy } from './copy-message.ts';
import type { MicrotaskQueue } from './microtask-queue.ts';

/** Buffered bytes above which `send` returns `false`. */
const STOP_BYTES = 1024 * 1024;
/** Buffered bytes below which `onDrain` is called after a stop. */
const LOW_WATER_BYTES = STOP_BYTES / 2;
/** Buffered bytes past which events are refused. */
const CAP_BYTES = 8 * STOP_BYTES;

// Messages that end work or answer it are never refused: the other side would wait for them.
const NEVER_REFUSED: ReadonlySet<MessageType> = new Set<MessageType>([
  'answer',
  'cancel',
  'cancelAll',
  'configUpdateResponse',
  'drain',
  'flowControl',
  'ping',
  'pong',
  'shutdown',
]);

/** Dependencies of a {@link MemoryConnection}. */
export interface MemoryConnectionDeps {
  readonly peer: Peer;
  readonly queue: MicrotaskQueue;
  readonly clock: Clock;
  readonly closeTimeoutMs: number;
  /** Called once, at the end. */
  readonly onEnded?: () => void;
}

/** One end of a connection in memory; the other end is {@link MemoryConnection.join | joined} to it. */
export class MemoryConnection extends ConnectionBase {
  readonly peer: Peer;
  readonly #deps: MemoryConnectionDeps;
  #other!: MemoryConnection;
  #inbox: MessageCopy[] = [];
  #bufferedBytes = 0;
  #receivedBytes = 0;
  #stopped = false;
  #started = false;
  #scheduled = false;
  #closeTimer: TimerHandle = undefined;

  constructor(deps: MemoryConnectionDeps) {
    super('memory');
    this.peer = deps.peer;
    this.#deps = deps;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Makes two connections the two ends of one. */
  static join(one: MemoryConnection, two: MemoryConnection): void {
    one.#other = two;
    two.#other = one;
  }

  /** Gets the handler. Nothing is delivered before {@link start}. @throws the error of `onConnection` */
  open(onConnection: OnConnection): void {
    this.attach(onConnection);
  }

  /** Starts delivery. */
  start(): void {
    this.#started = true;
    this.#wake();
  }

  protected write(message: Message): boolean {
    const copy = copyMessage(message);
    const limit = this.peer.maxMessageBytes;
    if (copy.bytes > limit) {
      throw new AgentwireError(
        'ERR_MESSAGE_TOO_LARGE',
        `${message.type} of ${copy.bytes} bytes, ${this.id} carries up to ${limit}`,
      );
    }
    const buffered = this.#bufferedBytes + copy.bytes;
    if (buffered > CAP_BYTES && this.#bufferedBytes > 0 && !NEVER_REFUSED.has(message.type)) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        `${this.id} has ${this.#bufferedBytes} of ${CAP_BYTES} bytes buffered; wait for onDrain`,
      );
    }
    this.#bufferedBytes = buffered;
    this.#other.#inbox.push(copy);
    this.#other.#wake();
    if (buffered <= STOP_BYTES) return true;
    this.#stopped = true;
    return false;
  }

  #wake(): void {
    if (this.#scheduled || !this.#started || this.paused || this.status === 'closed') return;
    this.#scheduled = true;
    this.#deps.queue.run(() => {
      this.#scheduled = false;
      this.#takeInbox();
      if (this.#inbox.length === 0 && this.#other.status === 'closing') this.#finish();
    });
  }

  #takeInbox(): void {
    let taken = 0;
    while (taken < this.#inbox.length && !this.paused && this.status !== 'closed') {
      const next = this.#inbox[taken] as MessageCopy;
      taken += 1;
      this.#receivedBytes += next.bytes;
      this.#other.#bufferedBytes -= next.bytes;
      this.deliver(next.message);
    }
    this.#inbox.splice(0, taken);
    this.#other.#afterDelivery();
  }

  #afterDelivery(): void {
    if (!this.#stopped || this.#bufferedBytes >= LOW_WATER_BYTES) return;
    this.#stopped = false;
    this.drained();
  }

  /** The other side has closed and everything it sent was taken. */
  #finish(): void {
    const other = this.#other;
    this.ended({ by: this.status === 'closing' ? 'local' : 'remote' });
    other.#takeInbox();
    other.ended({ by: 'local' });
  }

  override resume(): void {
    super.resume();
    this.#wake();
  }

  protected startClose(): void {
    const { clock, closeTimeoutMs } = this.#deps;
    this.#closeTimer = clock.setTimeout(() => {
      this.abort(
        new AgentwireError(
          'ERR_TIMEOUT',
          `${this.peer.name} took nothing for ${closeTimeoutMs} ms, the rest is dropped`,
        ),
      );
    }, closeTimeoutMs);
    this.#other.#wake();
  }

  protected destroy(): void {
    const other = this.#other;
    this.#drop();
    other.#drop();
    this.#deps.queue.run(() => {
      other.ended({
        by: 'remote',
        error: new AgentwireError('ERR_CLOSED', `${other.peer.name} dropped the connection ${other.id}`),
      });
    });
  }

  #drop(): void {
    this.#inbox = [];
    this.#bufferedBytes = 0;
  }

  protected override ended(reason: CloseReason): void {
    if (this.status === 'closed') return;
    this.#deps.clock.clearTimeout(this.#closeTimer);
    this.#deps.onEnded?.();
    super.ended(reason);
  }
}
