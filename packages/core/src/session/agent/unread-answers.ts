import type { Clock, TimerHandle } from '../../clock.ts';
import type { Connection } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';

/** Time that a proxy may leave a full buffer of answers unread, in milliseconds. */
const UNREAD_TIMEOUT_MS = 10_000;
/** Bytes that it must read in that time to keep its connection: 1 KiB per second. */
const MIN_READ_BYTES = 10 * 1024;

/**
 * Limits the memory of answers and pongs that a proxy does not read.
 *
 * Above the connection's high-water mark nothing more is read from that proxy, so that nothing more has to be answered; a
 * proxy that then reads less than 1 KiB per second loses its connection.
 */
export class UnreadAnswers {
  /** True while reading is stopped because too much is unread. */
  stalled = false;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #timer: TimerHandle;
  #buffered = 0;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Stops reading: the buffer is above its high-water mark. */
  stall(): void {
    if (this.stalled || this.#connection.status !== 'open') return;
    this.stalled = true;
    this.#connection.pause();
    this.#watch();
  }

  #watch(): void {
    this.#buffered = this.#connection.bufferedBytes;
    this.#timer = this.#clock.setTimeout(() => this.#check(), UNREAD_TIMEOUT_MS);
  }

  #check(): void {
    const { bufferedBytes, peer, id } = this.#connection;
    if (this.#buffered - bufferedBytes >= MIN_READ_BYTES) return this.#watch();
    const why = `${peer.name} reads no answers on ${id}: ${bufferedBytes} bytes were left for ${UNREAD_TIMEOUT_MS} ms`;
    this.#connection.abort(new AgentwireError('ERR_OVERLOADED', why, { detail: { bufferedBytes } }));
  }

  /** Resumes reading: the buffer is below its low-water mark. */
  onDrain(): void {
    if (!this.stalled) return;
    this.stop();
    this.#connection.resume();
  }

  /** Ends the checks. */
  stop(): void {
    this.stalled = false;
    this.#clock.clearTimeout(this.#timer);
  }
}
