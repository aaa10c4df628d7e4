/** Length of the head of an HTTP/2 frame: a gap no longer than that holds no payload of another stream. */
const FRAME_HEAD_BYTES = 9;
/** Shorter reads are left to the collector. */
const MIN_BYTES = 4 * 1024;

/**
 * Frees the memory of reads whose bytes were all copied into messages, instead of leaving it to the collector: that would
 * look through everything for every 64 MiB of bodies.
 *
 * Node reads into one buffer for all streams of a session, so it is freed only when it holds nothing but this stream's
 * DATA frames, and only when the next read has begun, since Node takes parts of it until then.
 */
export class ReadMemory {
  #buffer: ArrayBufferLike | undefined;
  #end = 0;
  #free = false;

  /** Registers a read chunk. */
  onRead({ buffer, byteOffset, length }: Buffer): void {
    if (buffer !== this.#buffer) {
      this.#release();
      this.#buffer = buffer;
      this.#end = 0;
      this.#free = true;
    }
    const gap = byteOffset - this.#end;
    if (gap < 0 || gap > FRAME_HEAD_BYTES) this.#free = false;
    this.#end = byteOffset + length;
  }

  /** Keeps the read of the last chunk: a view of it is in use. */
  retain(): void {
    this.#free = false;
  }

  #release(): void {
    const buffer = this.#buffer;
    if (!this.#free || !(buffer instanceof ArrayBuffer)) return;
    const { byteLength } = buffer;
    if (byteLength >= MIN_BYTES && byteLength - this.#end <= FRAME_HEAD_BYTES) buffer.transfer(0);
  }
}
