import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import { addHttp2Headers } from './http2-headers.ts';
import type { Http2Request } from './http2-request.ts';

type Listener = (...args: never[]) => void;

/** Code of RST_STREAM (RFC 9113 §7); node:http2 is loaded only where a server speaks it. */
const NO_ERROR = 0;

/**
 * Response of an HTTP/2 stream, with the members of a `ServerResponse` that a gateway uses.
 *
 * The head is sent with the first bytes of the body, or with the end: a response without a body is one frame.
 */
export class Http2Response {
  readonly req: Http2Request;
  readonly socket: Socket;
  /** Connections of HTTP/2 end with their session, not with a response. */
  shouldKeepAlive = false;
  readonly #stream: ServerHttp2Stream;
  #status = 200;
  #head: OutgoingHttpHeaders | undefined;
  #headersSent = false;
  #trailers: OutgoingHttpHeaders | undefined;
  #trailersDue = false;
  #ended = false;
  #written = 0;

  constructor(stream: ServerHttp2Stream, request: Http2Request) {
    this.#stream = stream;
    this.req = request;
    this.socket = request.socket;
  }

  get statusCode(): number {
    return this.#status;
  }

  /** `true` once the head can no longer be changed. */
  get headersSent(): boolean {
    return this.#headersSent;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get writableEnded(): boolean {
    return this.#ended;
  }

  /** `true` once the whole response was sent; node:http2 ends the stream of a HEAD request before its response. */
  get writableFinished(): boolean {
    return this.#ended && this.#stream.writableFinished;
  }

  get writableLength(): number {
    return this.#stream.writableLength;
  }

  /** Bytes of the body that the client's flow control has let out; `undefined` where none wait. */
  get takenBytes(): number | undefined {
    const waiting = this.#stream.writableLength;
    return waiting === 0 ? undefined : this.#written - waiting;
  }

  /** @throws AgentwireError `ERR_PROTOCOL` for a status past 599; Error of node:http2 for a head that HTTP does not allow, when it is sent */
  writeHead(status: number, headers: string[]): this {
    if (status > 599) throw new AgentwireError('ERR_PROTOCOL', `HTTP/2 has no status ${status}: 599 is the last one`);
    this.#status = status;
    this.#head = addHttp2Headers(headers, { ':status': status });
    this.#headersSent = true;
    return this;
  }

  flushHeaders(): void {
    this.#respond(false);
  }

  #respond(endStream: boolean): void {
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined || this.destroyed) return;
    const stream = this.#stream;
    const waitForTrailers = this.#trailersDue && !endStream;
    stream.respond(head, { endStream, waitForTrailers });
    if (waitForTrailers) stream.once('wantTrailers', this.#sendTrailers);
  }

  readonly #sendTrailers = (): void => {
    if (this.destroyed) return;
    // without any, node:http2 sends an empty frame of the body
    this.#stream.sendTrailers(this.#trailers ?? {});
    // node:http2 sends them in a later turn too
    if (!this.req.complete) setImmediate(this.#resetUnread);
  };

  /** Tells the client that the rest of its body is not wanted (RFC 9113 §8.1). */
  readonly #resetUnread = (): void => {
    if (!this.req.complete) this.#stream.close(NO_ERROR);
  };

  write(chunk: Uint8Array): boolean {
    this.#respond(false);
    if (this.destroyed) return false;
    this.#written += chunk.byteLength;
    return this.#stream.write(chunk);
  }

  /** Announces that {@link addTrailers} may be called; before the head is sent. */
  expectTrailers(): void {
    this.#trailersDue = true;
  }

  /** Adds trailers, which are sent after the body. */
  addTrailers(lines: readonly [string, string][]): void {
    this.#trailers = addHttp2Headers(lines.flat(), {});
  }

  end(last?: Uint8Array | (() => void)): this {
    const stream = this.#stream;
    if (last !== undefined && typeof last !== 'function' && last.byteLength > 0) this.write(last);
    this.#ended = true;
    this.#respond(this.#trailers === undefined);
    if (!stream.endAfterHeaders && !this.#trailersDue) stream.once('finish', this.#resetUnread);
    // calls back also where node:http2 has ended the stream before
    stream.end(typeof last === 'function' ? last : undefined);
    return this;
  }

  writeContinue(): void {
    if (!this.destroyed && !this.#stream.headersSent) this.#stream.additionalHeaders({ ':status': 100 });
  }

  /** Resets the stream: the client takes what it has for incomplete. */
  destroy(): this {
    // close() would end the body first, so that a part of it looked like the whole
    this.#stream.destroy(new Error('the response was cut'));
    return this;
  }

  on(event: string, listener: Listener): this {
    this.#stream.on(event, listener as never);
    return this;
  }

  once(event: string, listener: Listener): this {
    this.#stream.once(event, listener as never);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    this.#stream.off(event, listener as never);
    return this;
  }
}
