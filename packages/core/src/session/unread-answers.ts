import type { Clock, TimerHandle } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';

/** How long a proxy may leave a full buffer of answers unread, in milliseconds. */
const UNREAD_TIMEOUT_MS = 10_000;
/** What it must take of them in that time to go on, in bytes: 1 KiB a second. */
const MIN_READ_BYTES = 10 * 1024;

/**
 * Bounds what an agent holds for a proxy that does not read its answers and pongs.
 *
 * Past the connection's high-water mark nothing more is read from that proxy, so that nothing more has to be answered; a
 * proxy that then takes less than 1 KiB a second loses its connection.
 */
export class UnreadAnswers {
  /** Whether nothing is read because too much is unread. */
  stalled = false;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #timer: TimerHandle;
  #buffered = 0;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** The connection said stop. */
  stall(): void {
    if (this.stalled || this.#connection.status !== 'open') return;
    this.stalled = true;
    this.#connection.pause();
    this.#watch();
  }

  #watch(): void {
    this.#buffered = this.#connection.bufferedBytes;
    this.#timer = this.#clock.setTimeout(() => this.#look(), UNREAD_TIMEOUT_MS);
  }

  #look(): void {
    const { bufferedBytes, peer, id } = this.#connection;
    if (this.#buffered - bufferedBytes >= MIN_READ_BYTES) {
      this.#watch();
      return;
    }
    const why = `${peer.name} reads no answers on ${id}: ${bufferedBytes} bytes were left for ${UNREAD_TIMEOUT_MS} ms`;
    this.#connection.abort(new AgentwireError('ERR_OVERLOADED', why, { detail: { bufferedBytes } }));
  }

  /** There is room again. */
  onRoom(): void {
    if (!this.stalled) return;
    this.stop();
    this.#connection.resume();
  }

  /** Ends the watch. */
  stop(): void {
    this.stalled = false;
    this.#clock.clearTimeout(this.#timer);
  }
}
