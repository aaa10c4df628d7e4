import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { applyHeaderOps, HeaderMap, stripHopByHop } from '@agentwire/headers';
import { BodyFilter } from './body-filter.ts';
import type { RequestSummary, ResolvedGatewayOptions } from './options.ts';
import { Pipeline } from './pipeline.ts';
import { type OwnResponse, Refusal, responseFor, responseForError } from './refusal.ts';
import { forwardedHeaders, hasBody, headEvent } from './request-head.ts';
import type { Upstream, UpstreamControl } from './upstream.ts';

type Outcome = Pick<RequestSummary, 'outcome' | 'agent' | 'decision'>;

const REFUSED = { block: 'blocked', redirect: 'redirected', challenge: 'challenged', allow: 'allowed' } as const;

/** Statuses whose responses have no body (RFC 9110 §6.4.1). */
const isBodiless = (method: string | undefined, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

/** One HTTP request on its way: agents, upstream, agents again, client. */
export class ProxiedRequest {
  readonly #options: ResolvedGatewayOptions;
  readonly #upstream: Upstream;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #id: number;
  readonly #left = new AbortController();
  readonly #pipeline: Pipeline;
  readonly #startedAt: number;
  #bodyError: unknown;
  #requestBytes = 0;
  #responseBytes = 0;

  constructor(
    options: ResolvedGatewayOptions,
    upstream: Upstream,
    id: number,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#options = options;
    this.#upstream = upstream;
    this.#id = id;
    this.#request = request;
    this.#response = response;
    this.#startedAt = options.clock.now();
    this.#pipeline = new Pipeline(options, this.#left.signal);
    response.once('close', () => {
      if (!response.writableFinished) this.#left.abort(new AgentwireError('ERR_ABORTED', 'the client went away'));
    });
  }

  /** Runs it to its end. Never rejects. */
  async run(): Promise<void> {
    let outcome: Outcome;
    try {
      await this.#proxy();
      outcome = { outcome: 'allowed' };
    } catch (error) {
      outcome = await this.#endWith(error);
    }
    this.#report(outcome);
  }

  async #proxy(): Promise<void> {
    this.#checkAnnouncedLength();
    const { headers, wantBody } = await this.#pipeline.onRequest(
      headEvent(this.#request, this.#id, this.#options.clock),
    );
    const forwarded = forwardedHeaders(headers, this.#request, this.#options.trustForwarded);
    if (wantBody.length > 0) forwarded.delete('content-length');
    await this.#exchange(forwarded.toRaw(), this.#body(wantBody));
  }

  #checkAnnouncedLength(): void {
    const announced = Number(this.#request.headers['content-length'] ?? 0);
    if (announced > this.#options.maxRequestBodyBytes) throw this.#tooLong();
  }

  #tooLong(): AgentwireError {
    return new AgentwireError(
      'ERR_BODY_TOO_LARGE',
      `the request body is longer than ${this.#options.maxRequestBodyBytes} bytes`,
    );
  }

  /** The body for the upstream: as it comes where no agent reads it, else what the agents let through. */
  #body(wantBody: readonly string[]): AsyncIterable<Uint8Array> | null {
    if (!hasBody(this.#request)) return null;
    const filter = new BodyFilter(wantBody, 'requestBodyMutation', (agent, chunk) =>
      this.#pipeline.ask(agent, { type: 'requestBodyChunk', id: this.#id, ...chunk }),
    );
    return this.#filtered(filter);
  }

  /** What {@link #read} yields; its error is kept, because the upstream's client reports it as one of its own. */
  async *#filtered(filter: BodyFilter): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.#read(filter);
    } catch (error) {
      this.#bodyError ??= error;
      throw error;
    }
  }

  async *#read(filter: BodyFilter): AsyncGenerator<Uint8Array, void, undefined> {
    const length = Number(this.#request.headers['content-length'] ?? Number.NaN);
    const { maxRequestBodyBytes } = this.#options;
    for await (const chunk of this.#request as AsyncIterable<Buffer>) {
      this.#requestBytes += chunk.length;
      if (this.#requestBytes > maxRequestBodyBytes) {
        throw this.#tooLong();
      }
      const passed = filter.done ? chunk : await filter.filter(chunk, this.#requestBytes === length);
      if (passed.byteLength > 0) yield passed;
    }
    if (filter.done) return;
    const rest = await filter.filter(new Uint8Array(0), true);
    if (rest.byteLength > 0) yield rest;
  }

  /** Sends the request on and takes the response back, through the agents where they want to see it. */
  #exchange(headers: HeaderList, body: AsyncIterable<Uint8Array> | null): Promise<void> {
    const { method = 'GET', url = '/' } = this.#request;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sink: { write(chunk: Buffer): boolean; end(): void } | undefined;
    this.#upstream.send(
      { method, path: url, headers, body, signal: this.#left.signal },
      {
        onHead: (status, responseHeaders, control) => {
          const clean = stripHopByHop(responseHeaders);
          const { responseOps, judgesResponses } = this.#pipeline;
          if (!judgesResponses && responseOps.length === 0) {
            sink = this.#plainSink(status, clean, control, resolve);
            return true;
          }
          this.#judge(status, clean, control, resolve, reject).then(
            (judged) => {
              sink = judged;
              control.resume();
            },
            (error: Error) => {
              reject(error);
              control.abort(error);
            },
          );
          return false;
        },
        onData: (chunk) => sink?.write(chunk) ?? true,
        onEnd: () => sink?.end(),
        onError: (error) => reject(this.#bodyError ?? error),
      },
    );
    return promise;
  }

  /** Straight to the client. */
  #plainSink(
    status: number,
    headers: HeaderList,
    control: UpstreamControl,
    done: () => void,
  ): { write(chunk: Buffer): boolean; end(): void } {
    const response = this.#response;
    response.writeHead(status, headers as string[]);
    response.on('drain', () => control.resume());
    return {
      write: (chunk) => {
        this.#responseBytes += chunk.length;
        return response.write(chunk);
      },
      end: () => {
        response.end();
        done();
      },
    };
  }

  /** Asks the agents about the response's head, and makes the sink that takes its body. */
  async #judge(
    status: number,
    responseHeaders: HeaderList,
    control: UpstreamControl,
    done: () => void,
    fail: (error: Error) => void,
  ): Promise<{ write(chunk: Buffer): boolean; end(): void }> {
    const bodiless = isBodiless(this.#request.method, status);
    const head = {
      type: 'responseHeaders' as const,
      id: this.#id,
      status,
      headers: responseHeaders,
      hasBody: !bodiless,
    };
    const { headers, wantBody } = this.#pipeline.judgesResponses
      ? await this.#pipeline.onResponse(head)
      : { headers: applyHeaderOps(responseHeaders, this.#pipeline.responseOps), wantBody: [] };
    if (wantBody.length === 0) return this.#plainSink(status, headers, control, done);
    const map = new HeaderMap(headers);
    map.delete('content-length');
    this.#response.writeHead(status, map.toRaw() as string[]);
    const filter = new BodyFilter(wantBody, 'responseBodyMutation', (agent, chunk) =>
      this.#pipeline.ask(agent, { type: 'responseBodyChunk', id: this.#id, ...chunk }),
    );
    return this.#filteredSink(filter, control, done, fail);
  }

  /** To the client, one chunk after the other, each after its agents. */
  #filteredSink(
    filter: BodyFilter,
    control: UpstreamControl,
    done: () => void,
    fail: (error: Error) => void,
  ): { write(chunk: Buffer): boolean; end(): void } {
    let queue: Promise<void> = Promise.resolve();
    const pass = async (data: Uint8Array, last: boolean): Promise<void> => {
      const passed = filter.done ? data : await filter.filter(data, last);
      this.#responseBytes += passed.byteLength;
      if (passed.byteLength > 0 && !this.#response.write(passed))
        await once(this.#response, 'drain', { signal: this.#left.signal });
    };
    const giveUp = (error: Error): void => {
      fail(error);
      control.abort(error);
    };
    return {
      write: (chunk) => {
        queue = queue.then(() => pass(chunk, false));
        queue.then(() => control.resume(), giveUp);
        return false;
      },
      end: () => {
        queue
          .then(() => (filter.done ? undefined : pass(new Uint8Array(0), true)))
          .then(() => {
            this.#response.end();
            done();
          }, giveUp);
      },
    };
  }

  /** Ends the client's response after a refusal or an error. @returns what became of the request */
  async #endWith(error: unknown): Promise<Outcome> {
    if (this.#left.signal.aborted) return { outcome: 'cancelled' };
    const refusal = error instanceof Refusal ? error : undefined;
    if (refusal === undefined) {
      const code = error instanceof AgentwireError ? error.code : (error as Error | undefined)?.name;
      this.#options.logger.warn(
        { id: this.#id, code },
        `a request could not be proxied: ${(error as Error | undefined)?.message ?? ''}`,
      );
    }
    if (this.#response.headersSent) {
      // the client has begun to read something that must not go on: only a broken end tells it
      this.#response.destroy();
    } else this.#answer(this.#ownResponse(error));
    if (refusal === undefined) return { outcome: 'failed' };
    const { agent, decision } = refusal;
    return { outcome: REFUSED[decision.verdict.type], agent, decision };
  }

  #ownResponse(error: unknown): OwnResponse {
    if (!(error instanceof Refusal) || error.decision.verdict.type === 'allow') return responseForError(error);
    const own = responseFor(error.decision.verdict);
    try {
      return { ...own, headers: applyHeaderOps(own.headers, this.#pipeline.responseOps) as string[] };
    } catch (cause) {
      return responseForError(cause);
    }
  }

  #answer(own: OwnResponse): void {
    const response = this.#response;
    const body = Buffer.from(own.body);
    const headers = new HeaderMap(own.headers).set('content-length', String(body.length));
    // an unread body would have to be swallowed before this connection could be used again
    if (!this.#request.complete && hasBody(this.#request)) headers.set('connection', 'close');
    try {
      response.writeHead(own.status, headers.toRaw() as string[]);
    } catch (error) {
      this.#options.logger.warn({ id: this.#id, err: error }, 'an agent chose a response that HTTP does not allow');
      response.writeHead(502, ['content-length', '0', 'connection', 'close']);
      response.end();
      return;
    }
    response.end(this.#request.method === 'HEAD' ? undefined : body);
    this.#responseBytes += body.length;
  }

  #report(outcome: Outcome): void {
    const durationMs = this.#options.clock.now() - this.#startedAt;
    const status = this.#response.headersSent ? this.#response.statusCode : 0;
    if (outcome.outcome === 'cancelled') this.#pipeline.cancel(this.#id);
    else {
      const sizes = { requestBodySize: this.#requestBytes, responseBodySize: this.#responseBytes };
      this.#pipeline.complete(
        this.#id,
        { status, durationMs: Math.round(durationMs), ...sizes },
        outcome.outcome === 'failed' ? 'failed' : undefined,
      );
    }
    this.#options.onRequestEnd?.({
      id: this.#id,
      method: this.#request.method ?? 'GET',
      uri: this.#request.url ?? '/',
      status,
      ...outcome,
      durationMs,
      agentsMs: this.#pipeline.waitedMs,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
    });
  }
}
