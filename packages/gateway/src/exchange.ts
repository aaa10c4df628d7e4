import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';
import { BodyFilter } from './body/body-filter.ts';
import { BufferedBody } from './body/buffered-body.ts';
import type { RequestReader } from './body/request-reader.ts';
import { applyAgentOps } from './header-ops.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import type { Pipeline } from './pipeline.ts';
import { isBodiless } from './response/bodiless.ts';
import { ClientWriter, type ResponseSink } from './response/client-writer.ts';
import { FilteredSink } from './response/filtered-sink.ts';
import { BadRequest } from './response/refusal.ts';
import type { StallWatch } from './response/stall-watch.ts';
import type { UpstreamCall } from './upstream/upstream-call.ts';
import type { UpstreamControl, UpstreamRequest, UpstreamResponse } from './upstream/upstream-request.ts';
import type { Upstream } from './upstream/upstream.ts';

/** What an {@link Exchange} works with. */
export interface ExchangeContext {
  readonly options: ResolvedGatewayOptions;
  readonly upstream: Upstream;
  readonly stalls: StallWatch;
  readonly reader: RequestReader;
  readonly pipeline: Pipeline;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
}

/** Whether a body follows the head; its length is not among the hop-by-hop headers that are gone. */
function mayHaveBody(method: string | undefined, status: number, headers: HeaderList): boolean {
  return !isBodiless(method, status) && Number(new HeaderMap(headers).get('content-length') ?? Infinity) !== 0;
}

/**
 * Tells whether the body is coded with anything but one `chunked`. Any other coding would have to be undone here, and where
 * the last one is not `chunked`, the end of the body cannot be told from a lost connection (RFC 9112 §6.3).
 */
function hasUnknownCoding(headers: HeaderList): boolean {
  const coding = new HeaderMap(headers).get('transfer-encoding');
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked';
}

/** Sends a request on and takes the response back, through the agents where they want to see it. */
export class Exchange implements UpstreamResponse {
  readonly #context: ExchangeContext;
  readonly #signal: AbortSignal;
  readonly #writer: ClientWriter;
  readonly #outcome: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #call: UpstreamCall | undefined;
  #sink: ResponseSink | undefined;
  #answered = false;
  #ended = false;
  #held: BufferedBody | undefined;

  /** @param signal aborts when the client goes away */
  constructor(context: ExchangeContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    const { response, options, stalls } = context;
    this.#writer = new ClientWriter({
      response,
      signal,
      clock: options.clock,
      stalls,
      onFail: this.#fail,
    });
  }

  /** Bytes of the response's body that the client was sent. */
  get responseBytes(): number {
    return this.#writer.bytes;
  }

  /** Whether the response has begun, so that what is to change in its head is settled. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Times that the request was sent to the upstream. */
  get attempts(): number {
    return this.#call?.attempts ?? 0;
  }

  get stalledSince(): number | undefined {
    return this.#writer.stalledSince ?? this.#context.reader.stalledSince;
  }

  evict(): void {
    const others = 'while others waited for a connection to the upstream';
    if (this.#answered)
      this.#fail(new AgentwireError('ERR_TIMEOUT', `the client read its response too slowly ${others}`));
    else this.#fail(new BadRequest(408, `the upload was too slow ${others}`));
  }

  /** Runs it to its end. @throws whatever ended it: what an agent refused, or an error of upstream, agent or client */
  async run(request: UpstreamRequest): Promise<void> {
    const onAbort = (): void => this.#fail(this.#signal.reason as Error);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#signal.throwIfAborted();
      this.#call = this.#context.upstream.send(request, this);
      await this.#outcome.promise;
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      this.#held?.release();
    }
  }

  readonly #fail = (error: Error): void => {
    this.#outcome.reject(error);
    this.#call?.abort(error);
  };

  onHead(status: number, raw: HeaderList, control: UpstreamControl): boolean {
    if (!isBodiless(this.#context.request.method, status) && hasUnknownCoding(raw)) {
      this.#fail(
        new AgentwireError('ERR_PROTOCOL', 'the upstream answered with a transfer-encoding other than chunked'),
      );
      return false;
    }
    this.#answered = true;
    const headers = stripHopByHop(raw);
    const { judgesResponses, responseOps } = this.#context.pipeline;
    if (!judgesResponses && responseOps.length === 0) {
      this.#sink = this.#plain(status, headers, control);
      // undici takes the length in a 304 for one of a body, and would fail at its end
      if (isBodiless(this.#context.request.method, status)) this.onEnd();
      return true;
    }
    this.#judge(status, headers, control).then((sink) => {
      this.#sink = sink;
      if (isBodiless(this.#context.request.method, status)) this.onEnd();
      control.resume();
    }, this.#fail);
    return false;
  }

  onData(chunk: Uint8Array): boolean {
    return this.#sink?.write(chunk) ?? true;
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end();
  }

  onError(error: Error): void {
    if (!this.#ended) this.#outcome.reject(error);
  }

  #plain(status: number, headers: HeaderList, control: UpstreamControl): ResponseSink {
    this.#writer.head(status, headers);
    return this.#writer.plainSink(control, this.#outcome.resolve);
  }

  /** Asks the agents about the response's head, and makes the sink that takes its body. */
  async #judge(status: number, original: HeaderList, control: UpstreamControl): Promise<ResponseSink> {
    const { pipeline, request, response, id, options } = this.#context;
    const hasBody = mayHaveBody(request.method, status, original);
    const { headers, wantBody } = pipeline.judgesResponses
      ? await pipeline.onResponse({ type: 'responseHeaders', id, status, headers: original, hasBody })
      : { headers: applyAgentOps(original, pipeline.responseOps), wantBody: [] };
    if (response.headersSent || response.destroyed)
      throw new AgentwireError('ERR_ABORTED', 'the request has ended while its response was judged');
    if (wantBody.length === 0) return this.#plain(status, headers, control);
    const ops: HeaderOp[] = [];
    const filter = new BodyFilter({
      agents: wantBody,
      mutation: 'responseBodyMutation',
      maxChunkBytes: options.maxChunkBytes,
      ask: (agent, chunk) => pipeline.ask(agent, { type: 'responseBodyChunk', id, ...chunk }),
      onAllow: ({ responseHeaders = [] }, agent) => {
        if (responseHeaders.length > 0 && sink.headGone)
          return pipeline.tooLate(agent, 'responseBodyChunk', 'response');
        ops.push(...responseHeaders);
        return undefined;
      },
    });
    const held = options.responseBody === 'buffer' ? new BufferedBody(options.maxBufferedBodyBytes) : undefined;
    this.#held = held;
    const { resolve: done } = this.#outcome;
    const { clock } = options;
    const [writer, fail] = [this.#writer, this.#fail];
    const sink = new FilteredSink({ status, headers, ops, filter, writer, control, held, clock, done, fail });
    return sink;
  }
}
