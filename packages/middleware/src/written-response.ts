import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { holdDrain, type LowerResponse, lowerResponse, replaceProperty, trailerSetter } from './lower-response.ts';
import { headersSent, nodeError } from './node-errors.ts';
import type { NodeResponse } from './node-messages.ts';
import { linesOf } from './response-head.ts';
import { closeUnjudgedWays } from './unjudged-ways.ts';
import { bytesOf, type Callback, lengthOf, WrittenBody } from './written-body.ts';
import { checkDeclaredLength, type WrittenHead, writtenHead } from './written-head.ts';

/** Receivers of what an application writes. */
export interface WrittenResponseDeps {
  /** Method of the request. */
  readonly method: string;
  /** Called when there is something to send: a part of the body, its end, or a head that is flushed. */
  onWritten(): void;
  /** @throws TypeError for what no trailer can be */
  onTrailers(lines: readonly string[]): void;
  /** Called for bytes that pass without being kept. */
  onPassed(bytes: number): void;
}

const EMPTY = new Uint8Array(0);

const destroyed = (): Error => nodeError('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');

const functionOf = (...given: unknown[]): Callback | undefined =>
  given.find((one) => typeof one === 'function') as Callback | undefined;

/**
 * Response as its application sees it while agents judge it: methods of its own that answer and throw as those of node do, and keep
 * what is written.
 *
 * They replace the methods that are there when it is made, which only {@link lower} still calls, and stay: middleware of the
 * application may have put its own in front of them. A head that the application does not write is made through the
 * response's `writeHead`, as node does, so that such middleware learns of it.
 */
export class WrittenResponse {
  readonly #response: NodeResponse;
  readonly #deps: WrittenResponseDeps;
  readonly lower: LowerResponse;
  readonly body: WrittenBody;
  /** `undefined` until the application has written it. */
  head: WrittenHead | undefined;
  /** Length of a body that was written at once together with its end, of which the head says nothing. */
  wholeBytes: number | undefined;
  /** `true` where the application has flushed the head. */
  flushed = false;
  #stage: 'open' | 'handed' | 'passing' | 'refused' = 'open';
  readonly #releaseHead: () => void;
  readonly #releaseEnd: () => void;

  constructor(response: NodeResponse, deps: WrittenResponseDeps) {
    this.#response = response;
    this.#deps = deps;
    this.lower = lowerResponse(response);
    this.body = new WrittenBody(() => response.emit('drain'));
    this.#replaceMethods();
    closeUnjudgedWays(response, () => this.head !== undefined);
    this.#releaseHead = replaceProperty(response, 'headersSent', () => this.head !== undefined);
    const releases = [
      replaceProperty(response, 'writableEnded', () => this.body.ended),
      replaceProperty(response, 'writableNeedDrain', () => this.body.needsDrain),
      holdDrain(response, this.lower),
    ];
    this.#releaseEnd = () => {
      for (const release of releases) release();
    };
  }

  #replaceMethods(): void {
    const [response, { lower }] = [this.#response, this];
    const writeHead = (...head: Parameters<NodeResponse['writeHead']>): NodeResponse => this.#writeHead(head);
    Object.assign(response, {
      writeHead,
      // the name that node:http had for it at first
      ...('writeHeader' in response && { writeHeader: writeHead }),
      // middleware calls it where node has stored no head yet
      _implicitHeader: () => this.#writeImplicitHead(),
      flushHeaders: () => this.#flushHeaders(),
      write: (...given: unknown[]) => this.#write(given),
      end: (...given: unknown[]) => this.#end(given),
      addTrailers: (trailers: OutgoingHttpHeaders) => this.#deps.onTrailers(linesOf(trailers)),
      ...(trailerSetter(response) !== undefined && {
        setTrailer: (name: string, value: OutgoingHttpHeader) => this.#deps.onTrailers(linesOf({ [name]: value })),
      }),
      setHeader: (name: string, value: OutgoingHttpHeader & string) => {
        this.#checkOpen('set');
        return lower.setHeader(name, value);
      },
      appendHeader: (name: string, value: string) => {
        this.#checkOpen('append');
        return lower.appendHeader(name, value);
      },
      removeHeader: (name: string) => {
        this.#checkOpen('remove');
        lower.removeHeader(name);
      },
    });
  }

  #writeHead(head: Parameters<NodeResponse['writeHead']>): NodeResponse {
    const response = this.#response;
    if (this.#stage !== 'open') return this.lower.writeHead(...head);
    if (this.head !== undefined) throw headersSent(response, 'write');
    this.head = writtenHead(response, head, this.#deps.method);
    return response;
  }

  /** @throws Error for headers behind the head */
  #checkOpen(doing: string): void {
    if (this.head !== undefined && this.#stage === 'open') throw headersSent(this.#response, doing);
  }

  #writeImplicitHead(): void {
    const response = this.#response;
    if (this.head === undefined) response.writeHead(response.statusCode);
  }

  #flushHeaders(): void {
    if (this.#stage !== 'open') this.lower.flushHeaders();
    else {
      this.#writeImplicitHead();
      this.flushed = true;
      this.#deps.onWritten();
    }
  }

  #write([chunk, encoding, callback]: readonly unknown[]): boolean {
    if (this.#stage === 'passing') {
      this.#deps.onPassed(lengthOf(chunk, encoding));
      return this.lower.write(chunk, encoding as BufferEncoding, callback as Callback);
    }
    const { body } = this;
    const done = functionOf(encoding, callback);
    const bytes = bytesOf(chunk, encoding);
    if (this.#stage === 'refused' || this.#response.destroyed) {
      if (done !== undefined) process.nextTick(done, destroyed());
      return false;
    }
    if (body.ended) {
      this.#failAfterEnd(done);
      return false;
    }
    checkDeclaredLength(this.#response, this.head, body.bytes + bytes.byteLength, false);
    this.#writeImplicitHead();
    const keepsUp = body.write(bytes, done);
    this.#deps.onWritten();
    return keepsUp;
  }

  #end(given: readonly unknown[]): NodeResponse {
    const [response, { body }] = [this.#response, this];
    const [chunk, encoding] = typeof given[0] === 'function' ? [] : given;
    if (this.#stage === 'passing') {
      this.#deps.onPassed(lengthOf(chunk, encoding));
      return this.lower.end(...(given as []));
    }
    const callback = functionOf(...given);
    const bytes = chunk === undefined || chunk === null || chunk === '' ? EMPTY : bytesOf(chunk, encoding);
    if (body.ended && bytes.byteLength > 0 && this.#stage !== 'refused') {
      this.#failAfterEnd(callback);
      return response;
    }
    if (callback !== undefined) {
      if (response.writableFinished)
        process.nextTick(
          callback,
          nodeError('ERR_STREAM_ALREADY_FINISHED', 'Cannot call end after a stream was finished'),
        );
      else response.once('finish', callback);
    }
    if (body.ended || this.#stage === 'refused') return response;
    if (this.head === undefined) {
      this.wholeBytes = bytes.byteLength;
      this.#writeImplicitHead();
    }
    checkDeclaredLength(response, this.head, body.bytes + bytes.byteLength, true);
    if (bytes.byteLength > 0) body.write(bytes, undefined);
    body.ended = true;
    this.#deps.onWritten();
    return response;
  }

  #failAfterEnd(callback: Callback | undefined): void {
    const error = nodeError('ERR_STREAM_WRITE_AFTER_END', 'write after end');
    process.nextTick(() => {
      callback?.(error);
      if (this.#response.req.httpVersionMajor > 1) this.#response.destroy(error);
      else this.#response.emit('error', error);
    });
  }

  /** Lets the head pass: methods about headers are those of node from here on. */
  hand(): void {
    this.#stage = 'handed';
    this.#releaseHead();
  }

  /** Lets everything pass from here on. */
  pass(): void {
    this.#stage = 'passing';
    this.#releaseEnd();
  }

  /** Lets nothing pass: another response is sent. */
  refuse(): void {
    if (this.#stage === 'open') this.#releaseHead();
    this.#stage = 'refused';
    this.body.discard(destroyed());
    this.#releaseEnd();
  }
}
