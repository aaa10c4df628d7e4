import { LargeBodyBuffer } from '@agentwire/mmap-buffer';

/** Length from which a body is in a file, in bytes. */
const FILE_FROM_BYTES = 1024 ** 2;

/** A body that is kept until its agents have decided on the whole of it: on the heap below 1 MiB, else in a nameless file. */
export class HeldBody implements Disposable {
  readonly #buffer: LargeBodyBuffer;

  constructor(maxBytes: number) {
    this.#buffer = new LargeBodyBuffer({ maxBodySize: maxBytes, mmapThreshold: FILE_FROM_BYTES });
  }

  get length(): number {
    return this.#buffer.length;
  }

  /** @throws AgentwireError `ERR_BODY_TOO_LARGE`, `ERR_NO_SPACE`, `ERR_IO` */
  write(chunk: Uint8Array): void {
    this.#buffer.writeChunk(chunk);
  }

  /**
   * What was kept, to be sent once: memory of its own where the body is short, read as it is taken where it is in a file.
   *
   * No view of the buffer is handed to a socket: its memory could be freed under a write that is still under way.
   */
  take(): Uint8Array | AsyncIterable<Uint8Array> {
    return this.#buffer.length >= FILE_FROM_BYTES ? this.#buffer.readable() : this.#buffer.intoVec();
  }

  /** Frees memory and disk. */
  release(): void {
    this.#buffer.clear();
  }

  /** The same as {@link release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}
