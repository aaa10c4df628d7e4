import type { ClientHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';

/** Stream of HTTP/2 with what a WebSocket needs of a `Socket` besides (RFC 8441). */
export class Http2Tunnel extends Duplex {
  readonly #stream: ClientHttp2Stream;
  readonly #cut: () => void;
  /** Bytes that came after the handshake. */
  bytesRead = 0;

  /** @param stream whose head has come, without listeners for its data @param cut resets the stream */
  constructor(stream: ClientHttp2Stream, cut: () => void) {
    super({ allowHalfOpen: false });
    this.#stream = stream;
    this.#cut = cut;
    stream.pause();
    stream.on('data', (chunk: Uint8Array) => {
      this.bytesRead += chunk.byteLength;
      if (!this.push(chunk)) stream.pause();
    });
    stream.once('end', () => this.push(null));
    // a stream that was reset ends without an end of its data
    stream.once('close', () => {
      if (stream.rstCode !== 0 || !this.readableEnded) this.destroy();
    });
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#stream.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#stream.closed) this.#cut();
    done(error);
  }

  /** Ends, and destroys once what was written is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Nothing: the connection is not this stream's own. */
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }
}
