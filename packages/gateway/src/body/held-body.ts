import { LargeBodyBuffer } from '@agentwire/mmap-buffer';
import type { BodyStream } from '../upstream/upstream-request.ts';

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
   * What was kept: memory of its own where the body is short; read as it is taken, and again for every iterator, where it
   * is in a file.
   *
   * No view of the buffer is handed to a socket: its memory could be freed under a write that is still under way.
   */
  take(): Uint8Array | BodyStream {
    const buffer = this.#buffer;
    if (buffer.length < FILE_FROM_BYTES) return buffer.intoVec();
    return { replayable: true, [Symbol.asyncIterator]: () => buffer.readable()[Symbol.asyncIterator]() };
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
