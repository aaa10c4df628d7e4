import { AgentwireError } from '@agentwire/core';
import { LargeBodyBuffer } from '@agentwire/mmap-buffer';
import type { BodyStream } from '../upstream/upstream-request.ts';

/** Length from which a body is in a file, in bytes. */
const FILE_FROM_BYTES = 1024 ** 2;

/** An upload whose body is held, as the choice of the one that makes room sees it. */
export interface BufferedUpload {
  /** Whether its client is waited for. */
  readonly waiting: boolean;
  readonly bytesPerSecond: number;
  fail(error: AgentwireError): void;
}

/** Every held upload of the process: they share the quota. */
const uploads = new Map<BufferedBody, BufferedUpload>();

/** Ends the slowest upload that is waited for and slower than `limit`. @returns whether there was one */
function evictSlowest(limit: number): boolean {
  let slowest: [BufferedBody, BufferedUpload] | undefined;
  for (const entry of uploads)
    if (entry[1].waiting && entry[1].bytesPerSecond < (slowest?.[1].bytesPerSecond ?? limit)) slowest = entry;
  if (slowest === undefined) return false;
  const [body, upload] = slowest;
  body.release();
  upload.fail(new AgentwireError('ERR_NO_SPACE', 'the quota of held bodies is full, and this was its slowest upload'));
  return true;
}

/** A body that is kept until its agents have decided on the whole of it: on the heap below 1 MiB, else in a nameless file. */
export class BufferedBody implements Disposable {
  readonly #buffer: LargeBodyBuffer;
  readonly #upload: BufferedUpload | undefined;

  /** @param upload of whose request it is the body; makes room for others when the quota of all is full and it is the slowest */
  constructor(maxBytes: number, upload?: BufferedUpload) {
    this.#upload = upload;
    if (upload !== undefined) uploads.set(this, upload);
    this.#buffer = new LargeBodyBuffer({ maxBodySize: maxBytes, mmapThreshold: FILE_FROM_BYTES });
  }

  get length(): number {
    return this.#buffer.length;
  }

  /** @throws AgentwireError `ERR_BODY_TOO_LARGE`, `ERR_NO_SPACE`, `ERR_IO` */
  write(chunk: Uint8Array): void {
    for (;;) {
      try {
        return this.#buffer.writeChunk(chunk);
      } catch (error) {
        const full = error instanceof AgentwireError && error.code === 'ERR_NO_SPACE';
        if (!full || !evictSlowest(this.#upload?.bytesPerSecond ?? Infinity)) throw error;
      }
    }
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
    uploads.delete(this);
    this.#buffer.clear();
  }

  /** The same as {@link release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}
