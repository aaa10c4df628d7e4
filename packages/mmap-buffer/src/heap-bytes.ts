/** Detaches every view of a memory and returns it as a new one. */
const moved = (buffer: ArrayBuffer): ArrayBuffer => structuredClone(buffer, { transfer: [buffer] });

/** Bytes on the heap that grow geometrically; views on them end with the next change. */
export class HeapBytes {
  #buffer: ArrayBuffer;
  #viewed = false;
  /** Bytes in use. */
  length: number;

  constructor(bytes?: Uint8Array<ArrayBuffer>) {
    this.#buffer = bytes?.buffer ?? new ArrayBuffer(0);
    this.length = bytes?.length ?? 0;
  }

  /** Appends a copy of `chunk`, within a memory of at most `limit` bytes unless more are needed. */
  append(chunk: Uint8Array, limit: number): void {
    const length = this.length + chunk.length;
    const old = this.#buffer;
    if (length > old.byteLength) {
      const room = Math.max(length, Math.min(limit, old.byteLength * 2));
      this.#buffer = new ArrayBuffer(room);
      new Uint8Array(this.#buffer).set(new Uint8Array(old, 0, this.length));
      new Uint8Array(this.#buffer).set(chunk, this.length);
      if (this.#viewed) moved(old);
    } else {
      new Uint8Array(old).set(chunk, this.length);
      if (this.#viewed) this.#buffer = moved(old);
    }
    this.#viewed = false;
    this.length = length;
  }

  /** Fills `target` from `position` on. */
  read(position: number, target: Uint8Array): void {
    target.set(new Uint8Array(this.#buffer, position, target.length));
  }

  /** The bytes themselves. */
  view(): Uint8Array<ArrayBuffer> {
    this.#viewed = true;
    return new Uint8Array(this.#buffer, 0, this.length);
  }

  /** The bytes without a copy; this object and all earlier views are empty then. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#viewed ? moved(this.#buffer) : this.#buffer, 0, this.length);
    this.#buffer = new ArrayBuffer(0);
    this.length = 0;
    this.#viewed = false;
    return bytes;
  }
}
