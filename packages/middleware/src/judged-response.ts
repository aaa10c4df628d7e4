import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import type { BodyFilter } from '@agentwire/pipeline';
import { applyAgentOps, TrailerFilter } from '@agentwire/pipeline/internal';
import { type Exchange, responseFor } from './exchange.ts';
import type { NodeResponse } from './node-messages.ts';
import { sendOwn } from './own-response.ts';

type Callback = (error?: Error | null) => void;

interface Piece {
  readonly chunk: Uint8Array;
  readonly done: Callback | undefined;
}

const EMPTY = new Uint8Array(0);

/** Bytes that an application may write before its agents have decided; past it `write` returns `false`. */
const HIGH_WATER_BYTES = 65_536;

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  return chunk instanceof Uint8Array ? chunk : EMPTY;
}

/** Returns the headers that were set on a response. */
function headersOf(response: NodeResponse): string[] {
  const headers = response.getHeaders();
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  );
}

function setHeaders(response: NodeResponse, headers: HeaderList): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const values = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase();
    values.set(name, [...(values.get(name) ?? []), headers[at + 1] as string]);
  }
  for (const [name, lines] of values) response.setHeader(name, lines.length === 1 ? (lines[0] as string) : lines);
}

/** Returns trailers in any form that `addTrailers` takes as a list of lines. */
function linesOf(trailers: OutgoingHttpHeaders | readonly (readonly [string, string])[]): string[] {
  const pairs = Array.isArray(trailers) ? (trailers as [string, string][]) : Object.entries(trailers);
  return pairs.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  );
}

const METHODS = ['writeHead', 'flushHeaders', 'write', 'end', 'headersSent', 'writableEnded'];

/**
 * Response of an application that agents judge: what is written waits until they have decided on the head, and chunk by chunk
 * where they read the body. Methods of the response are replaced until nothing more is to be judged.
 */
export class JudgedResponse {
  readonly #response: NodeResponse;
  readonly #exchange: Exchange;
  readonly #bodiless: () => boolean;
  readonly #native: Pick<NodeResponse, 'writeHead' | 'write' | 'end' | 'addTrailers'>;
  readonly #trailerFilter = new TrailerFilter();
  readonly #trailers: string[] = [];
  /** Set once the response is the application's again, of which only trailers are still judged. */
  #passed = false;
  /** Head as the application wrote it. */
  #before: HeaderList = [];
  readonly #pieces: Piece[] = [];
  #pieceBytes = 0;
  #begun = false;
  #ended = false;
  #endDone: Callback | undefined;
  #needsDrain = false;
  #wake: (() => void) | undefined;
  readonly #ops: HeaderOp[] = [];
  /** Shows what the application writes to agents that observe it; `undefined` where there are none, or no body. */
  #show: ((chunk: Uint8Array, last: boolean) => void) | undefined;

  /** Makes the agents judge a response, before the application writes to it. */
  static take(response: NodeResponse, exchange: Exchange, method: string): JudgedResponse {
    return new JudgedResponse(response, exchange, method);
  }

  private constructor(response: NodeResponse, exchange: Exchange, method: string) {
    this.#response = response;
    this.#exchange = exchange;
    const { pipeline } = exchange;
    pipeline.trailers = this.#trailerFilter;
    this.#trailerFilter.note({ responseHeaders: pipeline.responseOps });
    this.#bodiless = () => method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
    this.#native = {
      writeHead: response.writeHead.bind(response),
      write: response.write.bind(response),
      end: response.end.bind(response),
      addTrailers: response.addTrailers.bind(response),
    };
    const replaced = {
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      flushHeaders: () => this.#begin(),
      write: (chunk: unknown, encoding?: unknown, done?: Callback) => this.#write(chunk, encoding, done),
      end: (chunk?: unknown, encoding?: unknown, done?: Callback) => this.#end(chunk, encoding, done),
      addTrailers: (trailers: OutgoingHttpHeaders) => this.#addTrailers(linesOf(trailers)),
    };
    for (const [name, value] of Object.entries(replaced))
      Object.defineProperty(response, name, { value, configurable: true, writable: true });
    Object.defineProperty(response, 'headersSent', { get: () => this.#begun, configurable: true });
    Object.defineProperty(response, 'writableEnded', { get: () => this.#ended, configurable: true });
  }

  #writeHead([status, second, third]: unknown[]): NodeResponse {
    const response = this.#response;
    response.statusCode = Number(status);
    if (typeof second === 'string') response.statusMessage = second;
    const headers = (typeof second === 'string' ? third : second) as
      OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;
    if (Array.isArray(headers)) this.#setLines(headers);
    else
      for (const [name, value] of Object.entries(headers ?? {}))
        if (value !== undefined) response.setHeader(name, value);
    return response;
  }

  #setLines(lines: readonly unknown[]): void {
    const flat = lines.flat() as string[];
    const names = new Set<string>();
    for (let at = 0; at < flat.length; at += 2) {
      const name = String(flat[at]).toLowerCase();
      if (names.has(name)) this.#response.appendHeader(name, flat[at + 1] as string);
      else this.#response.setHeader(name, flat[at + 1] as string);
      names.add(name);
    }
  }

  #write(chunk: unknown, encoding: unknown, done: Callback | undefined): boolean {
    if (this.#ended) return false;
    const callback = typeof encoding === 'function' ? (encoding as Callback) : done;
    const bytes = bytesOf(chunk, encoding);
    this.#pieces.push({ chunk: bytes, done: callback });
    this.#pieceBytes += bytes.byteLength;
    this.#begin();
    this.#needsDrain = this.#pieceBytes >= HIGH_WATER_BYTES;
    return !this.#needsDrain;
  }

  #end(chunk: unknown, encoding: unknown, done: Callback | undefined): NodeResponse {
    if (this.#ended) return this.#response;
    const callback = [chunk, encoding, done].find((one) => typeof one === 'function') as Callback | undefined;
    const bytes = bytesOf(chunk, encoding);
    if (bytes.byteLength > 0) this.#pieces.push({ chunk: bytes, done: undefined });
    this.#endDone = callback;
    this.#ended = true;
    this.#begin();
    return this.#response;
  }

  #begin(): void {
    this.#wake?.();
    this.#wake = undefined;
    if (this.#begun) return;
    this.#begun = true;
    this.#judge().catch((error: unknown) => this.#fail(error));
  }

  async #judge(): Promise<void> {
    const { pipeline, id } = this.#exchange;
    const response = this.#response;
    // what is written in the same turn is there then
    await Promise.resolve();
    const before = headersOf(response);
    this.#before = before;
    const empty = this.#ended && this.#pieces.every(({ chunk }) => chunk.byteLength === 0);
    const hasBody = !this.#bodiless() && !empty;
    const { shadows } = pipeline;
    if (shadows !== undefined && hasBody && pipeline.judgesResponses)
      this.#show = (chunk, last) => shadows.chunk('responseBodyChunk', chunk, last);
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
    while (!filter.done) {
      const piece = await this.#next();
      const last = this.#ended && this.#pieces.length === 0;
      const passed = await filter.filter(piece?.chunk ?? EMPTY, last);
      if (!this.#exchange.responseSent && (passed.byteLength > 0 || filter.done)) {
        const judged = applyAgentOps(headers, this.#ops);
        setHeaders(this.#response, judged);
        // HTTP/1.1 has no trailers behind a body of a known length
        if (last && this.#trailers.length === 0) this.#response.setHeader('content-length', passed.byteLength);
        else this.#response.removeHeader('content-length');
        this.#sendHead();
      }
      await this.#send(passed);
      piece?.done?.();
    }
  }

  /** Waits for the next piece; `undefined` at the end. */
  async #next(): Promise<Piece | undefined> {
    while (this.#pieces.length === 0 && !this.#ended) {
      this.#announceDrain();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const piece = this.#pieces.shift();
    this.#pieceBytes -= piece?.chunk.byteLength ?? 0;
    if (piece !== undefined) this.#show?.(piece.chunk, false);
    return piece;
  }

  #announceDrain(): void {
    if (!this.#needsDrain) return;
    this.#needsDrain = false;
    process.nextTick(() => this.#response.emit('drain'));
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
    const next = (): Piece | undefined | Promise<Piece | undefined> =>
      this.#show === undefined ? this.#pieces.shift() : this.#next();
    for (let piece = await next(); piece !== undefined; piece = await next()) {
      if (!this.#bodiless()) await this.#send(piece.chunk);
      piece.done?.();
    }
    this.#show?.(EMPTY, true);
    this.#pieceBytes = 0;
    for (const name of METHODS) Reflect.deleteProperty(this.#response, name);
    this.#passTrailers();
    if (this.#ended) this.#native.end(this.#endDone);
    else this.#announceDrain();
  }

  #addTrailers(lines: readonly string[]): void {
    this.#trailers.push(...lines);
    if (this.#passed) this.#passTrailers();
  }

  /** Passes trailers that say nothing which the head says, or agents have decided. */
  #passTrailers(): void {
    this.#passed = true;
    const head = [...this.#before, ...headersOf(this.#response)];
    const lines = this.#trailerFilter.pass(this.#trailers, head);
    const trailers: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    for (let at = 0; at < lines.length; at += 2) (trailers[lines[at] as string] ??= []).push(lines[at + 1] as string);
    if (lines.length > 0) this.#native.addTrailers(trailers);
  }

  /** Replaces the response, or cuts it where its head was sent. */
  #fail(error: unknown): void {
    const response = this.#response;
    const sent = this.#exchange.responseSent;
    for (const name of ['headersSent', 'writableEnded', 'writeHead', 'flushHeaders'])
      Reflect.deleteProperty(response, name);
    // what the application still writes goes nowhere
    this.#ended = true;
    this.#pieces.length = 0;
    const own = sent ? undefined : (answerTo(error, this.#exchange) ?? { status: 502, headers: [], body: '' });
    if (own === undefined) response.destroy();
    else sendOwn(own, response, this.#native.end);
  }
}

function answerTo(error: unknown, exchange: Exchange): ReturnType<typeof responseFor> {
  // a response that is too long is not the client's fault
  if (error instanceof AgentwireError) return undefined;
  return responseFor(error, exchange);
}
