import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { HeaderList } from '@agentwire/core';
import { http1Lines } from '@agentwire/pipeline/internal';

type Listener = (...args: never[]) => void;

/** Request of an HTTP/2 stream, with the members of an `IncomingMessage` that a gateway uses. */
export class Http2Request {
  readonly httpVersion = '2.0';
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly method: string;
  readonly url: string;
  /** `:scheme`; what the client says, not what the connection is. */
  readonly scheme: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Lines of the client with `host`, without pseudo headers. */
  readonly rawHeaders: string[];
  /** Length of the head in bytes, as HTTP/1.1 would have it. */
  readonly headBytes: number;
  readonly socket: Socket;
  /** Trailers, once the body has ended. */
  rawTrailers: HeaderList = [];
  readonly #stream: ServerHttp2Stream;

  /** @param raw the header block in the order it came */
  constructor(stream: ServerHttp2Stream, socket: Socket, headers: IncomingHttpHeaders, raw: readonly string[]) {
    this.#stream = stream;
    this.socket = socket;
    this.headers = headers;
    this.method = headers[':method'] ?? 'GET';
    this.url = headers[':path'] ?? '';
    this.scheme = headers[':scheme'];
    // a colon, two spaces and two line ends
    let bytes = 2 * raw.length;
    for (const part of raw) bytes += part.length;
    this.headBytes = bytes;
    this.rawHeaders = http1Lines(raw, headers[':authority']);
    if (!stream.endAfterHeaders)
      // the types of node:http2 lack the last argument
      (stream as EventEmitter).once('trailers', (_headers: unknown, _flags: unknown, lines: string[] = []) => {
        this.rawTrailers = lines;
      });
  }

  /** Length of the body in bytes: 0 where the head ends the stream, `undefined` where only the end of the stream tells it. */
  get bodyLength(): number | undefined {
    if (this.#stream.endAfterHeaders) return 0;
    const length = this.headers['content-length'];
    return length === undefined ? undefined : Number(length);
  }

  /** `true` once the whole request has come and was read. */
  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.readableEnded;
  }

  get readableEnded(): boolean {
    return this.#stream.readableEnded;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  pause(): this {
    this.#stream.pause();
    return this;
  }

  resume(): this {
    this.#stream.resume();
    return this;
  }

  on(event: string, listener: Listener): this {
    this.#stream.on(event, listener as never);
    return this;
  }

  off(event: string, listener: Listener): this {
    this.#stream.off(event, listener as never);
    return this;
  }
}
