import { AgentwireError } from '@agentwire/core';
import { freeMemory } from '@agentwire/core/internal';
import { LargeBodyBuffer } from '@agentwire/mmap-buffer';

/** Body as a stream; `replayable` where every iterator starts over. */
export interface BodyStream extends AsyncIterable<Uint8Array> {
  readonly replayable?: boolean;
  /** Frees the memory of a chunk that it gave and that nothing reads any more; chunks of others stay as they are. */
  release?(chunk: Uint8Array): void;
}

/** Length from which a body is stored in a file, in bytes. */
const FILE_FROM_BYTES = 1024 ** 2;

/** Upload whose body is buffered, as the eviction sees it. */
export interface BufferedUpload {
  /** `true` while its client is waited for. */
  readonly waiting: boolean;
  readonly bytesPerSecond: number;
  fail(error: AgentwireError): void;
}

/** Every buffered upload of the process: they share the quota. */
const uploads = new Map<BufferedBody, BufferedUpload>();

/** Evicts the slowest waiting upload that is slower than `limit`. @returns whether there was one */
function evictSlowest(limit: number): boolean {
  let slowest: [BufferedBody, BufferedUpload] | undefined;
  for (const entry of uploads)
    if (entry[1].waiting && entry[1].bytesPerSecond < (slowest?.[1].bytesPerSecond ?? limit)) slowest = entry;
  if (slowest === undefined) return false;
  const [body, upload] = slowest;
  body.release();
  upload.fail(
    new AgentwireError('ERR_NO_SPACE', 'the quota of buffered bodies is full, and this was its slowest upload'),
  );
  return true;
}

// not `readable()`, whose stream joins chunks and copies them once more
async function* chunksOf(buffer: LargeBodyBuffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield* buffer.chunks();
}

/** Body that is buffered until its agents have decided on all of it: on the heap below 1 MiB, else in a nameless file. */
export class BufferedBody implements Disposable {
  readonly #buffer: LargeBodyBuffer;
  readonly #upload: BufferedUpload | undefined;

  /** @param upload its upload, which is evicted where it is the slowest when the shared quota is full */
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
   * Returns the body: a copy where it is short; a stream that every iterator reads from the start where it is in a file.
   *
   * It is no view of the buffer, whose memory could be freed during a write to a socket.
   */
  take(): Uint8Array | BodyStream {
    const buffer = this.#buffer;
    if (buffer.length < FILE_FROM_BYTES) return buffer.intoVec();
    return { replayable: true, release: freeMemory, [Symbol.asyncIterator]: () => chunksOf(buffer) };
  }

  /** Frees memory and disk. */
  release(): void {
    uploads.delete(this);
    this.#buffer.clear();
  }

  /** Same as {@link release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}
