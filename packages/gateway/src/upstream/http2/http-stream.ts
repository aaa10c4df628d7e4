import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import type { Socket } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import { addHttp2Headers } from '../../http2/http2-headers.ts';
import { acceptKey } from '../../websocket/accept-key.ts';
import { Upload } from '../upload.ts';
import { brokenOff, REFUSED_STREAM } from '../upstream-error.ts';
import type { ConnectionGate, DispatchRequest, Exchange, ExchangeHandler } from '../upstream-messages.ts';
import { Http2Tunnel } from './http2-tunnel.ts';
import { noTunnels, resetFault, sessionFault, withCode } from './stream-errors.ts';
import { headOf } from './stream-head.ts';
import type { TargetSession } from './target-session.ts';

const { NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants;

/** Resolves when a stream takes more, or has ended. */
function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/** One request and its response on a stream of HTTP/2. */
export class HttpStream implements ConnectionGate, Exchange {
  readonly #session: TargetSession;
  readonly #request: DispatchRequest;
  readonly #handler: ExchangeHandler;
  #stream: ClientHttp2Stream | undefined;
  /** `true` once the handler has got its last callback. */
  #over = false;
  #uploaded = false;
  /** `true` once the target has ended its side, which a reset without an error does not: node:http2 shows both as an end. */
  #targetEnded = false;
  /** Resets the stream with CANCEL. `close` would end the body first, so that a part of it looked like the whole. */
  readonly #cut = new AbortController();
  #responded = false;
  /** Bytes of the socket that were read when the request was sent. */
  #bytesRead = 0;
  /** Bytes of the body that the head has announced, less those that came. */
  #missing = 0;
  /** Chunks are views of what node:http2 reads, and may read on. */
  readonly ownsChunks = false;
  requests: number;
  heard = false;
  headOnly = false;
  rawHeaders: string[] = [];
  rawTrailers: string[] = [];

  constructor(session: TargetSession, request: DispatchRequest, handler: ExchangeHandler) {
    this.#session = session;
    this.#request = request;
    this.#handler = handler;
    this.requests = session.opened;
  }

  get socket(): Socket {
    return this.#session.socket;
  }

  /** Unknown: node:http2 has buffers of its own between stream and socket. */
  get unsentBytes(): number {
    return Infinity;
  }

  stop(): void {
    this.#stream?.pause();
  }

  resume(): void {
    if (!this.#over && this.#stream?.isPaused() === true) this.#stream.resume();
  }

  remove(): void {
    // a stream is never taken over
  }

  /** Sends the request. */
  start(): void {
    const { body, upgrade, trailers, path, method } = this.#request;
    this.#handler.onRequestStart(this);
    if (this.#over) return;
    if (upgrade !== undefined && this.#session.http2.remoteSettings.enableConnectProtocol !== true)
      return this.abort(noTunnels());
    const scheme = 'encrypted' in this.socket ? 'https' : 'http';
    try {
      const waitForTrailers = body !== null && trailers !== undefined;
      const settings = { endStream: body === null && upgrade === undefined, waitForTrailers, signal: this.#cut.signal };
      this.#stream = this.#session.http2.request(headOf(this.#request, scheme), settings);
    } catch (error) {
      // the session has ended in this turn, or the head is one that HTTP/2 does not allow
      const { code, message } = error as NodeJS.ErrnoException;
      const gone = code === 'ERR_HTTP2_GOAWAY_SESSION' || code === 'ERR_HTTP2_INVALID_SESSION';
      const cause = { cause: error };
      return this.abort(
        gone
          ? withCode('the connection has ended', REFUSED_STREAM)
          : new AgentwireError(
              'ERR_PROTOCOL',
              `${method} ${path.split('?', 1)[0]}: no head of HTTP/2: ${message}`,
              cause,
            ),
      );
    }
    this.#session.open();
    this.#bytesRead = this.socket.bytesRead;
    this.#listen(this.#stream);
    if (upgrade === undefined) void this.#upload(this.#stream, body);
  }

  #listen(stream: ClientHttp2Stream): void {
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      // a reset closes the stream before it ends it
      if (chunk === null && !stream.closed) this.#targetEnded = true;
      return push(chunk, encoding);
    };
    stream
      .once('response', (head, flags, ...raw) => this.#guard(() => this.#onResponse(head, flags, raw[0])))
      .on('headers', () => (this.heard = true))
      .on('data', (chunk: Uint8Array) => this.#guard(() => this.#onData(chunk)))
      .once('trailers', (_trailers, _flags, ...raw) => (this.rawTrailers = raw[0] ?? []))
      .once('end', () => this.#guard(() => this.#onEnd(stream)))
      .on('error', () => undefined)
      .once('wantTrailers', () => this.#sendTrailers(stream))
      .once('close', () => this.#onClose(stream));
  }

  /** Ends the request with what its handler throws, as undici does: nothing else would catch it. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #onResponse(head: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, raw: string[] = []): void {
    if (this.#over) return;
    this.heard = true;
    this.#responded = true;
    this.headOnly = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
    this.#missing = Number(head['content-length'] ?? 0);
    this.rawHeaders = raw.filter((_part, at) => raw[at - (at % 2)]?.startsWith(':') !== true);
    if (this.#request.upgrade !== undefined && head[':status'] === 200) return this.#openTunnel();
    this.#handler.onResponseStart(this, head[':status'] ?? 0);
    if (this.headOnly) this.#finish();
  }

  /** Hands the stream over, with the accept key that an upstream of HTTP/1.1 would have answered. */
  #openTunnel(): void {
    const stream = this.#stream as ClientHttp2Stream;
    this.#over = true;
    stream.removeAllListeners('data').removeAllListeners('end');
    const lines = this.#request.headers;
    const key = lines[lines.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'sec-websocket-key') + 1];
    this.rawHeaders.push('sec-websocket-accept', acceptKey(String(key)));
    const tunnel = new Http2Tunnel(stream, () => this.#cut.abort());
    this.#handler.onRequestUpgrade(this, tunnel);
  }

  #onData(chunk: Uint8Array): void {
    this.#missing -= chunk.byteLength;
    if (!this.#over) this.#handler.onResponseData(chunk);
  }

  #onEnd(stream: ClientHttp2Stream): void {
    // node:http2 ends the readable side of a stream that was reset too; `close` comes next
    if (stream.rstCode !== 0 || !this.#targetEnded || this.#session.http2.destroyed || !this.#responded) return;
    const hasBody = this.#request.method !== 'HEAD' && !this.headOnly;
    if (hasBody && this.#missing > 0)
      return this.#fail(
        brokenOff('the upstream ended the stream', 'response', undefined, 'less than its content-length came'),
      );
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onResponseEnd(this);
    this.#stream?.resume();
    // the target does not wait for the rest of the body
    if (!this.#uploaded) this.#cut.abort();
  }

  #onClose(stream: ClientHttp2Stream): void {
    this.#session.release();
    if (this.#over) return;
    const { rstCode } = stream;
    const { http2 } = this.#session;
    if (rstCode === NGHTTP2_REFUSED_STREAM) this.#fail(withCode('the upstream refused the stream', REFUSED_STREAM));
    // the connection's error is known after its streams have closed
    else if (http2.destroyed) process.nextTick(() => this.#fail(sessionFault(this.#session.error)));
    else this.#fail(resetFault(rstCode, this.#responded ? 'response' : 'request'));
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onResponseError(error);
  }

  /** Resets the stream. A request that timed out in silence makes its connection doubtful. */
  abort(error: Error): void {
    if (this.#over) return;
    const timedOut = error instanceof AgentwireError && error.code === 'ERR_TIMEOUT';
    if (timedOut && this.#stream !== undefined && this.#session.isSilentSince(this.#bytesRead)) this.#session.doubt();
    this.#fail(error);
    this.#cut.abort();
  }

  async #upload(stream: ClientHttp2Stream, body: DispatchRequest['body']): Promise<void> {
    try {
      if (body === null) this.#uploaded = true;
      else if (body instanceof Uint8Array) this.#endWith(stream, body);
      else {
        if (body instanceof Upload) body.keep();
        const chunks = body[Symbol.asyncIterator]();
        for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
          if (this.#over || stream.destroyed) {
            // the body of a refused stream is sent again
            if (stream.rstCode !== NGHTTP2_REFUSED_STREAM) await chunks.return?.();
            return;
          }
          if (next.value.byteLength > 0 && !stream.write(next.value)) await drained(stream);
        }
        if (!stream.destroyed) this.#endWith(stream);
      }
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #endWith(stream: ClientHttp2Stream, last?: Uint8Array): void {
    this.#uploaded = true;
    stream.end(last);
  }

  #sendTrailers(stream: ClientHttp2Stream): void {
    try {
      stream.sendTrailers(addHttp2Headers(this.#request.trailers?.() ?? [], {}));
    } catch (error) {
      this.abort(error as Error);
    }
  }
}
