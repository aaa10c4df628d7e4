import type { Http2Stream } from 'node:http2';
import type { Sink } from '@agentwire/wire-codec';

/** Bytes that may be under way in the HTTP/2 stream before a write has to wait for its turn. */
const MAX_AHEAD_BYTES = 256 * 1024;
/** Longest write that is copied to go ahead. */
const MAX_COPY_BYTES = 64 * 1024;

/**
 * Writes to an HTTP/2 stream. Node reports a write there some turns of the event loop late, so small writes are copied
 * and reported at once, up to a bound: waiting for each would leave both ends idle.
 */
export class StreamSink implements Sink {
  /** Bytes that were reported as written and have not left yet. */
  ahead = 0;
  readonly #stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  write(chunk: Uint8Array, done: (error?: Error | null) => void): void {
    const { length } = chunk;
    if (length > MAX_COPY_BYTES || this.ahead + length > MAX_AHEAD_BYTES || this.#stream.destroyed) {
      this.#stream.write(chunk, done);
      return;
    }
    this.ahead += length;
    this.#stream.write(Buffer.from(chunk), () => {
      this.ahead -= length;
    });
    done();
  }
}
