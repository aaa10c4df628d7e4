import type { OutgoingHttpHeaders } from 'node:http';
import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import type { BodyFilter } from '@agentwire/pipeline';
import { applyAgentOps } from '@agentwire/pipeline/internal';
import { type Exchange, responseFor } from './exchange.ts';
import type { NodeResponse } from './node-messages.ts';
import { sendOwn } from './own-response.ts';
import { headersOf, linesOf, noteHead, setHeaders } from './response-head.ts';
import { ResponseTrailers } from './response-trailers.ts';
import { WrittenBody, type WrittenPiece } from './written-body.ts';

const EMPTY = new Uint8Array(0);

const METHODS = ['writeHead', 'flushHeaders', 'write', 'end', 'headersSent', 'writableEnded'];

/**
 * Response of an application that agents judge: what is written waits until they have decided on the head, and chunk by chunk
 * where they read the body. Methods of the response are replaced until nothing more is to be judged.
 */
export class JudgedResponse {
  readonly #response: NodeResponse;
  readonly #exchange: Exchange;
  readonly #bodiless: () => boolean;
  readonly #native: Pick<NodeResponse, 'writeHead' | 'write' | 'end'>;
  readonly #body: WrittenBody;
  readonly #trailers: ResponseTrailers;
  #begun = false;
  readonly #ops: HeaderOp[] = [];

  /** Makes the agents judge a response, before the application writes to it. */
  static take(response: NodeResponse, exchange: Exchange, method: string): JudgedResponse {
    return new JudgedResponse(response, exchange, method);
  }

  private constructor(response: NodeResponse, exchange: Exchange, method: string) {
    this.#response = response;
    this.#exchange = exchange;
    this.#body = new WrittenBody(() => response.emit('drain'));
    this.#trailers = new ResponseTrailers(response, exchange);
    this.#bodiless = () => method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
    this.#native = {
      writeHead: response.writeHead.bind(response),
      write: response.write.bind(response),
      end: response.end.bind(response),
    };
    this.#replaceMethods();
  }

  #replaceMethods(): void {
    const [response, body] = [this.#response, this.#body];
    const replaced = {
      writeHead: (...head: unknown[]) => {
        noteHead(response, head);
        return response;
      },
      flushHeaders: () => this.#begin(),
      write: (...args: Parameters<WrittenBody['write']>) => {
        if (body.ended) return false;
        const keepsUp = body.write(...args);
        this.#begin();
        return keepsUp;
      },
      end: (...args: Parameters<WrittenBody['end']>) => {
        if (body.ended) return response;
        body.end(...args);
        this.#begin();
        return response;
      },
      addTrailers: (trailers: OutgoingHttpHeaders) => this.#trailers.add(linesOf(trailers)),
    };
    for (const [name, value] of Object.entries(replaced))
      Object.defineProperty(response, name, { value, configurable: true, writable: true });
    Object.defineProperty(response, 'headersSent', { get: () => this.#begun, configurable: true });
    Object.defineProperty(response, 'writableEnded', { get: () => body.ended, configurable: true });
  }

  #begin(): void {
    this.#body.wake();
    if (this.#begun) return;
    this.#begun = true;
    this.#judge().catch((error: unknown) => this.#fail(error));
  }

  async #judge(): Promise<void> {
    const { pipeline, id } = this.#exchange;
    const [response, body] = [this.#response, this.#body];
    // what is written in the same turn is there then
    await Promise.resolve();
    const before = headersOf(response);
    this.#trailers.head = before;
    const hasBody = !this.#bodiless() && !body.empty;
    const { shadows } = pipeline;
    if (shadows !== undefined && hasBody && pipeline.judgesResponses)
      body.show = (chunk, last) => shadows.chunk('responseBodyChunk', chunk, last);
    const { headers, wantBody } = pipeline.judgesResponses
      ? await pipeline.onResponse({
          type: 'responseHeaders',
          id,
          status: response.statusCode,
          headers: before,
          hasBody,
        })
      : { headers: applyAgentOps(before, pipeline.responseOps), wantBody: [] };
    if (wantBody.length > 0) await this.#filterBody(headers, this.#filterFor(wantBody));
    else {
      setHeaders(response, headers);
      this.#sendHead();
    }
    await this.#passRest();
  }

  #filterFor(agents: readonly string[]): BodyFilter {
    const exchange = this.#exchange;
    const progress = {
      get responseSent() {
        return exchange.responseSent;
      },
    };
    return exchange.pipeline.responseBody(exchange.id, agents, this.#ops, progress);
  }

  #sendHead(): void {
    const { statusCode, req } = this.#response;
    this.#exchange.responseSent = true;
    // HTTP/2 has no reasons, and node:http2 warns of them
    const reason = req.httpVersionMajor > 1 ? '' : this.#response.statusMessage;
    if (reason === '' || reason === undefined) this.#native.writeHead(statusCode);
    else this.#native.writeHead(statusCode, reason);
  }

  /** Asks about each chunk; the head goes with the first bytes that pass. */
  async #filterBody(headers: HeaderList, filter: BodyFilter): Promise<void> {
    const body = this.#body;
    while (!filter.done) {
      const piece = await body.next();
      const last = body.ended && body.taken;
      const passed = await filter.filter(piece?.chunk ?? EMPTY, last);
      if (!this.#exchange.responseSent && (passed.byteLength > 0 || filter.done)) {
        const judged = applyAgentOps(headers, this.#ops);
        setHeaders(this.#response, judged);
        // HTTP/1.1 has no trailers behind a body of a known length
        if (last && this.#trailers.empty) this.#response.setHeader('content-length', passed.byteLength);
        else this.#response.removeHeader('content-length');
        this.#sendHead();
      }
      await this.#send(passed);
      piece?.done?.();
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    this.#exchange.responseBytes += chunk.byteLength;
    if (chunk.byteLength > 0 && !this.#native.write(chunk) && !this.#response.destroyed) await this.#taken();
  }

  /** Waits until the client has taken what waits for it, or has left. */
  #taken(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  /** Sends what was written, or all that will be where agents observe it, and gives the response back to the application. */
  async #passRest(): Promise<void> {
    const body = this.#body;
    const next = (): WrittenPiece | undefined | Promise<WrittenPiece | undefined> =>
      body.show === undefined ? body.shift() : body.next();
    for (let piece = await next(); piece !== undefined; piece = await next()) {
      if (!this.#bodiless()) await this.#send(piece.chunk);
      piece.done?.();
    }
    body.show?.(EMPTY, true);
    for (const name of METHODS) Reflect.deleteProperty(this.#response, name);
    this.#trailers.pass();
    if (body.ended) this.#native.end(body.endDone);
    else body.announceDrain();
  }

  /** Replaces the response, or cuts it where its head was sent. */
  #fail(error: unknown): void {
    this.#exchange.logEnding(error);
    const response = this.#response;
    const sent = this.#exchange.responseSent;
    for (const name of ['headersSent', 'writableEnded', 'writeHead', 'flushHeaders'])
      Reflect.deleteProperty(response, name);
    this.#body.discard();
    // a response that is too long is not the client's fault
    const answer = error instanceof AgentwireError ? undefined : responseFor(error, this.#exchange);
    const own = sent ? undefined : (answer ?? { status: 502, headers: [], body: '' });
    if (own === undefined) response.destroy();
    else sendOwn(own, response, this.#native.end);
  }
}
