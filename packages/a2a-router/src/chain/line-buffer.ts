const LINE_FEED = 10;

/** Lines that wait to be written, as bytes in one buffer that is used again. */
export class LineBuffer {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a line and its line feed. */
  add(line: string): void {
    const most = this.#length + 3 * line.length + 1;
    if (most > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(2 * most);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#length += this.#buffer.write(line, this.#length);
    this.#buffer[this.#length] = LINE_FEED;
    this.#length += 1;
  }

  /** Takes everything out; the bytes are good until the next `add`. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}
