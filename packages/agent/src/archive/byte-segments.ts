/** Length of a segment in bytes, and so the most that one message can have. */
export const SEGMENT_BYTES: number = 256 * 1024;

/** Bytes in the order in which they came, outside the garbage collector's heap; given back from the oldest on. */
export class ByteSegments {
  readonly #segments: Buffer[] = [];
  /** Number of the first segment that is there. */
  #first = 0;
  /** One that was given back, for the next to come: in a steady flow nothing is allocated. */
  #spare: Buffer | undefined;
  /** The segment that is being filled. */
  target: Buffer = Buffer.alloc(0);
  /** Where the next bytes go in {@link target}. */
  offset = 0;

  /** Segments that are held. */
  get count(): number {
    return this.#segments.length;
  }

  /** Number of the segment that is being filled. */
  get segment(): number {
    return this.#first + this.#segments.length - 1;
  }

  /** Begins the next segment, unless nothing is in this one. */
  advance(): void {
    if (this.#segments.length > 0 && this.offset === 0) return;
    this.target = this.#spare ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES);
    this.#spare = undefined;
    this.#segments.push(this.target);
    this.offset = 0;
  }

  /** The bytes in a segment; overwritten once it was given back. */
  view(segment: number, offset: number, length: number): Buffer {
    return (this.#segments[segment - this.#first] as Buffer).subarray(offset, offset + length);
  }

  /** Gives back what is in front of `segment`. */
  releaseBefore(segment: number): void {
    while (this.#first < segment && this.#segments.length > 1) {
      this.#spare = this.#segments.shift();
      this.#first += 1;
    }
  }
}
