import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { HeaderList } from '@agentwire/core';

type Listener = (...args: never[]) => void;

/**
 * Returns the lines of a request as HTTP/1.1 has them: `:authority` is `host`, and the cookies are one line (RFC 9113 §8.2.3).
 *
 * A `host` beside another `:authority` stays, so that the request is refused for its two hosts.
 */
function linesOf(raw: readonly string[], authority: string | undefined): string[] {
  const lines: string[] = authority === undefined ? [] : ['host', authority];
  let cookieAt = -1;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    const value = raw[at + 1] as string;
    if (name.startsWith(':')) continue;
    if (name === 'host' && value.toLowerCase() === authority?.toLowerCase()) continue;
    if (name === 'cookie' && cookieAt !== -1) lines[cookieAt] = `${lines[cookieAt]}; ${value}`;
    else {
      if (name === 'cookie') cookieAt = lines.length + 1;
      lines.push(name, value);
    }
  }
  return lines;
}

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
    this.headBytes = raw.reduce((bytes, part) => bytes + part.length + 2, 0);
    this.rawHeaders = linesOf(raw, headers[':authority']);
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
