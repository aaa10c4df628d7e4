import type { Socket } from 'node:net';

const BUFFER_BYTES = 256 * 1024;
const EARLY_FLUSH_BYTES = 8 * 1024;

/** Gathers frames and writes once a tick, or as soon as 8 KiB wait. It bounds nothing: good for yardsticks only. */
export class TickWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #scheduled = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Makes room for a frame of up to `length` bytes. @returns where in `bytes` it begins */
  reserve(length: number): number {
    if (this.#end + length > this.bytes.length) {
      this.#flush();
      // what was handed to the socket must not change, so a full buffer is left to it
      this.bytes = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, length));
      this.#start = this.#end = 0;
    }
    return this.#end;
  }

  /** Writes the length in front of a frame whose content ends at `end`, and sends it. */
  commit(end: number): void {
    this.bytes.writeUInt32BE(end - this.#end - 4, this.#end);
    this.#end = end;
    if (end - this.#start >= EARLY_FLUSH_BYTES) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(this.#onTick);
    }
  }

  readonly #onTick = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#start === this.#end) return;
    this.#socket.write(this.bytes.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
