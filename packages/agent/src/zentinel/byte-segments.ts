/** Length of a segment in bytes, and so of the longest message that can be stored. */
export const SEGMENT_BYTES: number = 256 * 1024;

/** Append-only bytes outside the garbage-collected heap, in segments of 256 KiB that are freed from the oldest on. */
export class ByteSegments {
  readonly #segments: Buffer[] = [];
  /** Number of the oldest segment. */
  #first = 0;
  /** A freed segment for the next `advance`: in a steady flow nothing is allocated. */
  #spare: Buffer | undefined;
  /** The segment that is being filled. */
  target: Buffer = Buffer.alloc(0);
  /** Position of the next bytes in {@link target}. */
  offset = 0;

  /** Number of allocated segments. */
  get count(): number {
    return this.#segments.length;
  }

  /** Number of the segment that is being filled. */
  get segment(): number {
    return this.#first + this.#segments.length - 1;
  }

  /** Begins the next segment, unless this one is empty. */
  advance(): void {
    if (this.#segments.length > 0 && this.offset === 0) return;
    this.target = this.#spare ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES);
    this.#spare = undefined;
    this.#segments.push(this.target);
    this.offset = 0;
  }

  /** Returns a view of stored bytes; it is overwritten once its segment is freed. */
  view(segment: number, offset: number, length: number): Buffer {
    return (this.#segments[segment - this.#first] as Buffer).subarray(offset, offset + length);
  }

  /** Frees the segments in front of `segment`. */
  releaseBefore(segment: number): void {
    while (this.#first < segment && this.#segments.length > 1) {
      this.#spare = this.#segments.shift();
      this.#first += 1;
    }
  }
}
