import { deserialize, serialize } from 'node:v8';
import type { MessagePort } from 'node:worker_threads';
import { AgentwireError, asReceived, checkSendable, ConnectionBase, EVENT_TYPES } from '@agentwire/core';
import type { Clock, CloseReason, Message, OnConnection, Peer, TimerHandle } from '@agentwire/core';

const STOP_BYTES = 1024 * 1024;
const CAP_BYTES = 8 * STOP_BYTES;
const CLOSE_TIMEOUT_MS = 10_000;

/** Content of a port message: a message's bytes, a number of bytes that the other side has taken, or `end`. */
type Frame = Uint8Array | number | 'end';

export class PortConnection extends ConnectionBase {
  readonly peer: Peer;
  bufferedBytes = 0;
  receivedBytes = 0;
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #onEnded: (() => void) | undefined;
  readonly #inbox: (Uint8Array | 'end')[] = [];
  #outbox: Frame[] | undefined = [];
  #stopped = false;
  #closeTimer: TimerHandle = undefined;

  constructor(port: MessagePort, peer: Peer, clock: Clock, onEnded?: () => void) {
    super('worker');
    this.#port = port;
    this.peer = peer;
    this.#clock = clock;
    this.#onEnded = onEnded;
  }

  // #region open
  /** Asks for the handler; what it sends meanwhile leaves with `greeting`, or not at all if it throws. */
  open(onConnection: OnConnection, greeting?: object): void {
    this.attach(onConnection);
    if (this.status === 'closed') return;
    const held = this.#outbox ?? [];
    this.#outbox = undefined;
    if (greeting !== undefined) this.#port.postMessage(greeting, []);
    for (const frame of held) this.#port.postMessage(frame, []);
    this.#port.on('message', (frame: Frame) => this.#onFrame(frame));
    this.#port.on('close', () =>
      this.ended({ by: 'remote', error: new AgentwireError('ERR_CLOSED', 'the port closed') }),
    );
  }
  // #endregion

  // #region write
  protected write(message: Message): boolean {
    checkSendable(message);
    const frame = serialize(message);
    const { maxMessageBytes } = this.peer;
    if (frame.length > maxMessageBytes) {
      throw new AgentwireError(
        'ERR_MESSAGE_TOO_LARGE',
        `${message.type} of ${frame.length} bytes, up to ${maxMessageBytes} fit`,
      );
    }
    const isEvent = EVENT_TYPES.some((type) => type === message.type);
    if (isEvent && this.bufferedBytes > 0 && this.bufferedBytes + frame.length > CAP_BYTES) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        `${this.id} has ${this.bufferedBytes} bytes buffered; wait for onDrain`,
      );
    }
    this.bufferedBytes += frame.length;
    this.#post(frame);
    this.#stopped ||= this.bufferedBytes > STOP_BYTES;
    return this.bufferedBytes <= STOP_BYTES;
  }

  #post(frame: Frame): void {
    if (this.#outbox === undefined) this.#port.postMessage(frame, []);
    else this.#outbox.push(frame);
  }
  // #endregion

  // #region read
  #onFrame(frame: Frame): void {
    if (typeof frame === 'number') {
      this.bufferedBytes -= frame;
      if (!this.#stopped || this.bufferedBytes >= STOP_BYTES / 2) return;
      this.#stopped = false;
      this.drained();
      return;
    }
    this.#inbox.push(frame);
    this.#takeInbox();
  }

  #takeInbox(): void {
    while (!this.paused && this.status !== 'closed') {
      const frame = this.#inbox.shift();
      if (frame === undefined) return;
      if (frame === 'end') return this.ended({ by: this.status === 'closing' ? 'local' : 'remote' });
      this.receivedBytes += frame.length;
      this.#post(frame.length);
      this.deliver(asReceived(deserialize(frame) as Message));
    }
  }

  override resume(): void {
    super.resume();
    setImmediate(() => this.#takeInbox());
  }
  // #endregion

  // #region end
  protected startClose(): void {
    this.#closeTimer = this.#clock.setTimeout(() => {
      this.abort(new AgentwireError('ERR_TIMEOUT', `${this.peer.name} took nothing for ${CLOSE_TIMEOUT_MS} ms`));
    }, CLOSE_TIMEOUT_MS);
    this.#post('end');
  }

  protected destroy(): void {
    this.#inbox.length = 0;
    this.bufferedBytes = 0;
  }

  /** Every end comes through here: by `end`, by the port, or by `abort`. */
  protected override ended(reason: CloseReason): void {
    if (this.status === 'closed') return;
    // after an orderly close the other side hangs up, which is no error of this one
    const orderly = this.status === 'closing' && reason.by === 'remote';
    this.#clock.clearTimeout(this.#closeTimer);
    this.#port.close();
    this.#onEnded?.();
    super.ended(orderly ? { by: 'local' } : reason);
  }
  // #endregion
}
