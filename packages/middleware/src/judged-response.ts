import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import type { BodyFilter } from '@agentwire/pipeline';
import { applyAgentOps } from '@agentwire/pipeline/internal';
import { type Exchange, responseFor } from './exchange.ts';
import type { NodeResponse } from './node-messages.ts';
import { sendOwn } from './own-response.ts';
import { headersOf, setHeaders } from './response-head.ts';
import { ResponseTrailers } from './response-trailers.ts';
import type { WrittenPiece } from './written-body.ts';
import type { WrittenHead } from './written-head.ts';
import { WrittenResponse } from './written-response.ts';

const EMPTY = new Uint8Array(0);

/**
 * Response of an application that agents judge: what is written waits until they have decided on the head, and chunk by chunk
 * where they read the body. Then it is given to the methods that the response had before.
 */
export class JudgedResponse {
  readonly #response: NodeResponse;
  readonly #exchange: Exchange;
  readonly #written: WrittenResponse;
  readonly #trailers: ResponseTrailers;
  #begun = false;
  readonly #ops: HeaderOp[] = [];
  #onTaken: (() => void) | undefined;
  #listensTaken = false;

  /** Makes the agents judge a response, before the application writes to it. */
  static take(response: NodeResponse, exchange: Exchange, method: string): JudgedResponse {
    return new JudgedResponse(response, exchange, method);
  }

  private constructor(response: NodeResponse, exchange: Exchange, method: string) {
    this.#response = response;
    this.#exchange = exchange;
    this.#written = new WrittenResponse(response, {
      method,
      onWritten: () => this.#begin(),
      onTrailers: (lines) => this.#trailers.add(lines),
      onPassed: (bytes) => (exchange.responseBytes += bytes),
    });
    this.#trailers = new ResponseTrailers(response, this.#written.lower, exchange);
  }

  #begin(): void {
    const { body, head } = this.#written;
    body.wake();
    if (this.#begun || head === undefined) return;
    this.#begun = true;
    this.#judge(head).catch((error: unknown) => this.#fail(error));
  }

  async #judge(head: WrittenHead): Promise<void> {
    const { pipeline, id } = this.#exchange;
    const [response, { body, lower }] = [this.#response, this.#written];
    // what is written in the same turn is there then
    await Promise.resolve();
    const before = this.#headers(head);
    this.#trailers.head = before;
    const hasBody = head.hasBody && !body.empty;
    const { shadows } = pipeline;
    if (shadows !== undefined && hasBody && pipeline.judgesResponses)
      body.show = (chunk, last) => shadows.chunk('responseBodyChunk', chunk, last);
    const { headers, wantBody } = pipeline.judgesResponses
      ? await pipeline.onResponse({ type: 'responseHeaders', id, status: head.status, headers: before, hasBody })
      : { headers: applyAgentOps(before, pipeline.responseOps), wantBody: [] };
    if (wantBody.length > 0) await this.#filterBody(head, headers, this.#filterFor(wantBody));
    else {
      setHeaders(response, lower, headers);
      this.#sendHead(head);
    }
    await this.#passRest(head);
  }

  /** Returns the headers of the application, with the length that node would add. */
  #headers({ hasBody }: WrittenHead): string[] {
    const [response, { wholeBytes }] = [this.#response, this.#written];
    const headers = headersOf(response);
    const isFramed = ['content-length', 'transfer-encoding', 'trailer'].some((name) => response.hasHeader(name));
    if (wholeBytes === undefined || !hasBody || isFramed || response.req.httpVersionMajor > 1) return headers;
    return [...headers, 'Content-Length', String(wholeBytes)];
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

  #sendHead({ status, reason }: WrittenHead): void {
    const { lower, flushed } = this.#written;
    this.#written.hand();
    if (reason === '') lower.writeHead(status);
    else lower.writeHead(status, reason);
    this.#exchange.responseSent = true;
    if (flushed) lower.flushHeaders();
  }

  /** Asks about each chunk; the head goes with the first bytes that pass. */
  async #filterBody(head: WrittenHead, headers: HeaderList, filter: BodyFilter): Promise<void> {
    const [response, { body, lower }] = [this.#response, this.#written];
    while (!filter.done) {
      const piece = await body.next();
      const last = body.ended && body.taken;
      const passed = await filter.filter(piece?.chunk ?? EMPTY, last);
      if (!this.#exchange.responseSent && (passed.byteLength > 0 || filter.done)) {
        setHeaders(response, lower, applyAgentOps(headers, this.#ops));
        // HTTP/1.1 has no trailers behind a body of a known length
        if (last && this.#trailers.empty && !response.hasHeader('trailer')) {
          lower.setHeader('content-length', passed.byteLength);
          lower.removeHeader('transfer-encoding');
        } else lower.removeHeader('content-length');
        this.#sendHead(head);
      }
      await this.#send(passed);
      piece?.done?.();
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    this.#exchange.responseBytes += chunk.byteLength;
    if (chunk.byteLength > 0 && !this.#written.lower.write(chunk) && !this.#response.destroyed) await this.#taken();
  }

  /** Waits until the client has taken what waits for it, or has left. */
  #taken(): Promise<void> {
    if (!this.#listensTaken) {
      this.#listensTaken = true;
      const done = (): void => this.#onTaken?.();
      this.#written.lower.on('drain', done);
      this.#written.lower.on('close', done);
    }
    return new Promise((resolve) => (this.#onTaken = resolve));
  }

  /** Sends what was written, or all that will be where agents observe it; the rest passes as it is written. */
  async #passRest({ hasBody }: WrittenHead): Promise<void> {
    const { body, lower } = this.#written;
    const next = (): WrittenPiece | undefined | Promise<WrittenPiece | undefined> =>
      body.show === undefined ? body.shift() : body.next();
    for (let piece = await next(); piece !== undefined; piece = await next()) {
      if (hasBody) await this.#send(piece.chunk);
      piece.done?.();
    }
    body.show?.(EMPTY, true);
    this.#written.pass();
    this.#trailers.pass();
    if (body.ended) lower.end();
    else body.announceDrain();
  }

  /** Replaces the response, or cuts it where its head was sent. */
  #fail(error: unknown): void {
    const [response, exchange] = [this.#response, this.#exchange];
    exchange.logEnding(error);
    this.#written.refuse();
    if (exchange.responseSent) return void response.destroy();
    // a response that is too long is not the client's fault
    const answer = error instanceof AgentwireError ? undefined : responseFor(error, exchange);
    try {
      sendOwn(answer ?? { status: 502, headers: [], body: '' }, response, this.#written.lower);
    } catch (failure) {
      exchange.logEnding(failure);
      response.destroy();
    }
  }
}
